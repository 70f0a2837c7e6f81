import { Counter, Gauge, Registry } from 'prom-client'
import { PrometheusHistogram } from './prometheus-histogram.js'

/** Seconds: from a decision in memory to one that waits for its deadline. */
const DECISION_BUCKETS = [0.00001, 0.00005, 0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5]
/** Seconds: from a small classifier to a long stream. */
const UPSTREAM_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300]

export type Instruments = ReturnType<typeof createInstruments>

/**
 * Creates the Prometheus instruments of a gateway. Label values come from the routes, rules and
 * tiers of the configuration, never from clients.
 */
export function createInstruments() {
  const registry = new Registry()
  const registers = [registry]
  return {
    registry,
    requests: new Counter({
      name: 'sluice_requests_total',
      help: 'Completed requests by outcome.',
      labelNames: ['route', 'outcome'],
      registers,
    }),
    decisions: new Counter({
      name: 'sluice_decisions_total',
      help: "Decisions of the limits, by the client's tier.",
      labelNames: ['route', 'outcome', 'tier'],
      registers,
    }),
    refusals: new Counter({
      name: 'sluice_refusals_total',
      help: 'Refused requests, by the rule with the longest retry time and by reason. Blocked requests have no rule.',
      labelNames: ['route', 'rule', 'reason'],
      registers,
    }),
    shadowRefusals: new Counter({
      name: 'sluice_shadow_refusals_total',
      help: 'Requests that a shadow rule would have refused.',
      labelNames: ['route', 'rule'],
      registers,
    }),
    softOverruns: new Counter({
      name: 'sluice_soft_overruns_total',
      help: 'Requests that a soft limit admitted above it.',
      labelNames: ['route', 'rule'],
      registers,
    }),
    thresholds: new Counter({
      name: 'sluice_threshold_crossings_total',
      help: 'Keys that reached a threshold of a rule in a window, as this gateway saw it.',
      labelNames: ['route', 'rule', 'threshold'],
      registers,
    }),
    webhookDeliveries: new Counter({
      name: 'sluice_webhook_deliveries_total',
      help: 'Attempts to deliver a notice to a webhook, by outcome.',
      labelNames: ['outcome'],
      registers,
    }),
    taken: new Counter({
      name: 'sluice_cost_units_total',
      help: 'Units charged to limits when requests were admitted.',
      labelNames: ['route', 'rule', 'resource'],
      registers,
    }),
    returned: new Counter({
      name: 'sluice_settled_returned_units_total',
      help: 'Units refunded because the actual cost was lower than the charge.',
      labelNames: ['route', 'rule', 'resource'],
      registers,
    }),
    owed: new Counter({
      name: 'sluice_settled_owed_units_total',
      help: 'Units charged later because the actual cost was higher than the charge.',
      labelNames: ['route', 'rule', 'resource'],
      registers,
    }),
    decisionSeconds: new PrometheusHistogram({
      name: 'sluice_decision_seconds',
      help: 'Duration of decisions, including the wait for a limit.',
      labelNames: ['route'],
      buckets: DECISION_BUCKETS,
      registers,
    }),
    storeSeconds: new PrometheusHistogram({
      name: 'sluice_store_seconds',
      help: 'Duration of store operations.',
      labelNames: ['operation'],
      buckets: DECISION_BUCKETS,
      registers,
    }),
    upstreamSeconds: new PrometheusHistogram({
      name: 'sluice_upstream_seconds',
      help: 'Time from sending a request upstream to the end of the response.',
      labelNames: ['route'],
      buckets: UPSTREAM_BUCKETS,
      registers,
    }),
    degraded: new Counter({
      name: 'sluice_degraded_decisions_total',
      help: 'Requests decided without the store, by the failure policy.',
      labelNames: ['route'],
      registers,
    }),
    unreadableResponses: new Counter({
      name: 'sluice_unread_answers_total',
      help: 'Model responses that could not be parsed and were charged by their size.',
      labelNames: ['route', 'reason'],
      registers,
    }),
    inFlight: new Gauge({
      name: 'sluice_in_flight_requests',
      help: 'Requests in flight to the upstream.',
      labelNames: ['route'],
      registers,
    }),
    waiting: new Gauge({
      name: 'sluice_waiting_requests',
      help: 'Requests waiting for a limit.',
      labelNames: ['route'],
      registers,
    }),
    effectiveLimit: new Gauge({
      name: 'sluice_effective_limit_units',
      help: 'Limit of a rule at its last decision, including warm-up and tier.',
      labelNames: ['route', 'rule', 'tier'],
      registers,
    }),
    warmUpScale: new Gauge({
      name: 'sluice_warm_up_scale_ratio',
      help: 'Factor applied to the limits of a route while its model warms up.',
      labelNames: ['route'],
      registers,
    }),
    storeUp: new Gauge({
      name: 'sluice_store_up',
      help: '1 while the store is available, 0 while the failure policy decides.',
      registers,
    }),
    storeFailures: new Counter({
      name: 'sluice_store_failures_total',
      help: 'Failed store operations: errors, timeouts, and errors caused by a single request.',
      labelNames: ['kind'],
      registers,
    }),
    storeBreaker: new Gauge({
      name: 'sluice_store_breaker',
      help: 'State of the circuit breaker of the store: 1 for the current state, 0 for the others.',
      labelNames: ['state'],
      registers,
    }),
    storeUnavailable: new Counter({
      name: 'sluice_store_unavailable_total',
      help: 'Requests rejected with 503 because the store was unavailable.',
      registers,
    }),
    settlementsWaiting: new Gauge({
      name: 'sluice_settlements_waiting',
      help: 'Settlements queued until the store is available.',
      registers,
    }),
    settlementsLost: new Counter({
      name: 'sluice_settlements_lost_total',
      help: 'Settlements that never reached the store; their reservations were not corrected.',
      registers,
    }),
    connections: new Gauge({
      name: 'sluice_connections',
      help: 'Open client connections.',
      registers,
    }),
    maxConnections: new Gauge({
      name: 'sluice_max_connections',
      help: 'Maximum number of client connections.',
      registers,
    }),
    connectionsRefused: new Counter({
      name: 'sluice_connections_refused_total',
      help: 'Client connections closed immediately because the maximum was reached.',
      registers,
    }),
    bodyMemory: new Gauge({
      name: 'sluice_body_memory_bytes',
      help: 'Memory used by request bodies that rules read.',
      registers,
    }),
    maxBodyMemory: new Gauge({
      name: 'sluice_max_body_memory_bytes',
      help: 'Maximum memory for request bodies that rules read.',
      registers,
    }),
    bodiesRefused: new Counter({
      name: 'sluice_bodies_refused_total',
      help: 'Requests rejected with 503 because the body memory was exhausted.',
      registers,
    }),
    memoryKeys: new Gauge({
      name: 'sluice_memory_keys',
      help: 'Keys with state in the memory of this process.',
      registers,
    }),
    droppedLines: new Counter({
      name: 'sluice_dropped_lines_total',
      help: 'Lines of the log, the audit log or the record that were dropped.',
      labelNames: ['file'],
      registers,
    }),
    memoryOverflow: new Counter({
      name: 'sluice_memory_overflow_charges_total',
      help: 'Charges of unknown keys to a shared bucket because the memory store was full.',
      registers,
    }),
  }
}
