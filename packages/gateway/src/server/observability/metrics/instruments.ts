import { Counter, Gauge, Registry } from 'prom-client'
import { PrometheusHistogram } from './prometheus-histogram.js'

/** Seconds: from a decision in memory to one that waits for its deadline. */
const DECISION_BUCKETS = [0.00001, 0.00005, 0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5]
/** Seconds: from a small classifier to a long stream. */
const EXCHANGE_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300]

export type Instruments = ReturnType<typeof createInstruments>

/**
 * What is measured, by Prometheus's conventions. Labels have as many values as the configuration has routes, rules and tiers:
 * never a client's.
 */
export function createInstruments() {
  const registry = new Registry()
  const registers = [registry]
  return {
    registry,
    requests: new Counter({
      name: 'sluice_requests_total',
      help: 'Requests that have ended, by what was decided on them.',
      labelNames: ['route', 'outcome'],
      registers,
    }),
    decisions: new Counter({
      name: 'sluice_decisions_total',
      help: "Requests that limits have let in or refused, by the client's tier.",
      labelNames: ['route', 'outcome', 'tier'],
      registers,
    }),
    refusals: new Counter({
      name: 'sluice_refusals_total',
      help: 'Refused requests, by the rule that refuses for longest and why.',
      labelNames: ['route', 'rule', 'reason'],
      registers,
    }),
    shadowRefusals: new Counter({
      name: 'sluice_shadow_refusals_total',
      help: 'Requests that a shadow rule would have refused.',
      labelNames: ['route', 'rule'],
      registers,
    }),
    taken: new Counter({
      name: 'sluice_cost_units_total',
      help: 'Units that allowed requests took of a limit, as they were let in.',
      labelNames: ['route', 'rule', 'resource'],
      registers,
    }),
    returned: new Counter({
      name: 'sluice_settled_returned_units_total',
      help: 'Units that were given back because a request cost less than was taken.',
      labelNames: ['route', 'rule', 'resource'],
      registers,
    }),
    owed: new Counter({
      name: 'sluice_settled_owed_units_total',
      help: 'Units that were charged because a request cost more than was taken.',
      labelNames: ['route', 'rule', 'resource'],
      registers,
    }),
    decisionSeconds: new PrometheusHistogram({
      name: 'sluice_decision_seconds',
      help: 'How long decisions take, the wait for a slot included.',
      labelNames: ['route'],
      buckets: DECISION_BUCKETS,
      registers,
    }),
    storeSeconds: new PrometheusHistogram({
      name: 'sluice_store_seconds',
      help: 'How long the store takes for an operation.',
      labelNames: ['operation'],
      buckets: DECISION_BUCKETS,
      registers,
    }),
    upstreamSeconds: new PrometheusHistogram({
      name: 'sluice_upstream_seconds',
      help: 'From sending a request to the end of its answer.',
      labelNames: ['route'],
      buckets: EXCHANGE_BUCKETS,
      registers,
    }),
    degraded: new Counter({
      name: 'sluice_degraded_decisions_total',
      help: 'Requests that were decided without the store.',
      labelNames: ['route'],
      registers,
    }),
    unreadAnswers: new Counter({
      name: 'sluice_unread_answers_total',
      help: 'Answers of models that could not be read and were charged by their bytes.',
      labelNames: ['route', 'reason'],
      registers,
    }),
    inFlight: new Gauge({
      name: 'sluice_in_flight_requests',
      help: 'Requests that are with the upstream.',
      labelNames: ['route'],
      registers,
    }),
    waiting: new Gauge({
      name: 'sluice_waiting_requests',
      help: 'Requests that wait for a slot.',
      labelNames: ['route'],
      registers,
    }),
    effectiveLimit: new Gauge({
      name: 'sluice_effective_limit_units',
      help: 'The limit of a rule as it last was, warm-up and tier included.',
      labelNames: ['route', 'rule', 'tier'],
      registers,
    }),
    warmUpScale: new Gauge({
      name: 'sluice_warm_up_scale_ratio',
      help: 'What the limits of a route are multiplied with while its model warms up.',
      labelNames: ['route'],
      registers,
    }),
    storeUp: new Gauge({
      name: 'sluice_store_up',
      help: '1 while the store decides, 0 while the policy for its failure does.',
      registers,
    }),
    storeFailures: new Counter({
      name: 'sluice_store_failures_total',
      help: 'Operations that the store failed, did not answer in time, or could not do for one request alone.',
      labelNames: ['kind'],
      registers,
    }),
    storeBreaker: new Gauge({
      name: 'sluice_store_breaker',
      help: '1 for the state that the breaker before the store is in, 0 for the others.',
      labelNames: ['state'],
      registers,
    }),
    storeUnavailable: new Counter({
      name: 'sluice_store_unavailable_total',
      help: 'Requests answered with 503 because nothing could be decided without the store.',
      registers,
    }),
    settlementsWaiting: new Gauge({
      name: 'sluice_settlements_waiting',
      help: 'Settlements that wait for the store to come back.',
      registers,
    }),
    settlementsLost: new Counter({
      name: 'sluice_settlements_lost_total',
      help: 'Settlements that the store never got: what was taken stays taken.',
      registers,
    }),
    connections: new Gauge({
      name: 'sluice_connections',
      help: 'Connections of clients that are open.',
      registers,
    }),
    maxConnections: new Gauge({
      name: 'sluice_max_connections',
      help: 'Connections of clients that there may be at once.',
      registers,
    }),
    connectionsRefused: new Counter({
      name: 'sluice_connections_refused_total',
      help: 'Connections of clients that were closed at once, because there were too many.',
      registers,
    }),
    bodyMemory: new Gauge({
      name: 'sluice_body_memory_bytes',
      help: 'Memory of the request bodies that rules read.',
      registers,
    }),
    maxBodyMemory: new Gauge({
      name: 'sluice_max_body_memory_bytes',
      help: 'Memory that the request bodies which rules read may take at once.',
      registers,
    }),
    bodiesRefused: new Counter({
      name: 'sluice_bodies_refused_total',
      help: 'Request bodies that were refused with 503, because there was no memory for them.',
      registers,
    }),
    memoryKeys: new Gauge({
      name: 'sluice_memory_keys',
      help: 'Keys whose state is in the memory of this process.',
      registers,
    }),
    droppedLines: new Counter({
      name: 'sluice_dropped_lines_total',
      help: 'Lines of the log, the audit log or the record that could not be written in time.',
      labelNames: ['file'],
      registers,
    }),
    memoryOverflow: new Counter({
      name: 'sluice_memory_overflow_charges_total',
      help: 'Charges counted in a bucket shared by unknown keys because the store was full.',
      registers,
    }),
  }
}
