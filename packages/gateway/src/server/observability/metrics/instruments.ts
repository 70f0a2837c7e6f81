import { HistogramMetric, Metric } from './metric.js'
import { LAG_BUCKETS } from './process-stats.js'

/** Seconds: from a decision in memory to one that waits for its deadline. */
const DECISION_BUCKETS = [0.00001, 0.00005, 0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5]
/** Seconds: from a small classifier to a long stream. */
const UPSTREAM_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300]
/** Seconds: from a cached prompt to one that waits in the queue of its model. */
const FIRST_TOKEN_BUCKETS = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 10, 30, 60]
/** Seconds: from 1,000 tokens per second to one per second. */
const TOKEN_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.5, 1]

export type Instruments = ReturnType<typeof createInstruments>

/**
 * Creates the metrics of a gateway. Label values come from the routes, rules, tiers and models of
 * the configuration, never from clients.
 */
export function createInstruments() {
  return {
    requests: new Metric('counter', {
      name: 'sluice_requests_total',
      help: 'Completed requests by outcome.',
      labelNames: ['route', 'outcome'],
    }),
    decisions: new Metric('counter', {
      name: 'sluice_decisions_total',
      help: "Decisions of the limits, by the client's tier.",
      labelNames: ['route', 'outcome', 'tier'],
    }),
    refusals: new Metric('counter', {
      name: 'sluice_refusals_total',
      help: 'Refused requests, by the rule with the longest retry time and by reason. Blocked requests have no rule.',
      labelNames: ['route', 'rule', 'reason'],
    }),
    shadowRefusals: new Metric('counter', {
      name: 'sluice_shadow_refusals_total',
      help: 'Requests that a shadow rule would have refused.',
      labelNames: ['route', 'rule'],
    }),
    softOverruns: new Metric('counter', {
      name: 'sluice_soft_overruns_total',
      help: 'Requests that a soft limit admitted above it.',
      labelNames: ['route', 'rule'],
    }),
    thresholds: new Metric('counter', {
      name: 'sluice_threshold_crossings_total',
      help: 'Keys that reached a threshold of a rule in a window, as this gateway saw it.',
      labelNames: ['route', 'rule', 'threshold'],
    }),
    webhookDeliveries: new Metric('counter', {
      name: 'sluice_webhook_deliveries_total',
      help: 'Attempts to deliver a notice to a webhook, by outcome.',
      labelNames: ['outcome'],
    }),
    taken: new Metric('counter', {
      name: 'sluice_cost_units_total',
      help: 'Units charged to limits when requests were admitted.',
      labelNames: ['route', 'rule', 'resource'],
    }),
    returned: new Metric('counter', {
      name: 'sluice_settled_returned_units_total',
      help: 'Units refunded because the actual cost was lower than the charge.',
      labelNames: ['route', 'rule', 'resource'],
    }),
    owed: new Metric('counter', {
      name: 'sluice_settled_owed_units_total',
      help: 'Units charged later because the actual cost was higher than the charge.',
      labelNames: ['route', 'rule', 'resource'],
    }),
    decisionSeconds: new HistogramMetric({
      name: 'sluice_decision_seconds',
      help: 'Duration of decisions, including the wait for a limit.',
      labelNames: ['route'],
      buckets: DECISION_BUCKETS,
    }),
    storeSeconds: new HistogramMetric({
      name: 'sluice_store_seconds',
      help: 'Duration of store operations.',
      labelNames: ['operation'],
      buckets: DECISION_BUCKETS,
    }),
    upstreamSeconds: new HistogramMetric({
      name: 'sluice_upstream_seconds',
      help: 'Time from sending a request upstream to the end of the response.',
      labelNames: ['route'],
      buckets: UPSTREAM_BUCKETS,
    }),
    tokens: new Metric('counter', {
      name: 'sluice_tokens_total',
      help: 'Tokens of model calls, as they were charged.',
      labelNames: ['route', 'model', 'direction'],
    }),
    money: new Metric('counter', {
      name: 'sluice_money_total',
      help: 'Money that model calls cost, as it was charged, in the currency.',
      labelNames: ['route', 'model', 'currency'],
    }),
    spendWaiting: new Metric('gauge', {
      name: 'sluice_spend_waiting',
      help: 'Entries of spend queued until the ledger is available.',
    }),
    spendOther: new Metric('counter', {
      name: 'sluice_spend_other_total',
      help: 'Requests whose spend was counted under other, because the ledger had too many entries.',
    }),
    spendDropped: new Metric('counter', {
      name: 'sluice_spend_dropped_total',
      help: 'Requests whose spend never reached the ledger.',
    }),
    firstTokenSeconds: new HistogramMetric({
      name: 'sluice_time_to_first_token_seconds',
      help: 'Time from sending a model call upstream to the first text of a streamed response.',
      labelNames: ['route', 'model'],
      buckets: FIRST_TOKEN_BUCKETS,
    }),
    perOutputTokenSeconds: new HistogramMetric({
      name: 'sluice_time_per_output_token_seconds',
      help: 'Average time per output token after the first, of each streamed response.',
      labelNames: ['route', 'model'],
      buckets: TOKEN_BUCKETS,
    }),
    degraded: new Metric('counter', {
      name: 'sluice_degraded_decisions_total',
      help: 'Requests decided without the store, by the failure policy.',
      labelNames: ['route'],
    }),
    extensions: new Metric('counter', {
      name: 'sluice_extensions_total',
      help: 'Times that the reservation of a stream took more from a rule.',
      labelNames: ['route', 'rule'],
    }),
    exhaustedStreams: new Metric('counter', {
      name: 'sluice_exhausted_streams_total',
      help: 'Streams that used up what they reserved while a limit could not hold more.',
      labelNames: ['route', 'action'],
    }),
    unreadableResponses: new Metric('counter', {
      name: 'sluice_unread_answers_total',
      help: 'Model responses that could not be parsed and were charged by their size.',
      labelNames: ['route', 'reason'],
    }),
    inFlight: new Metric('gauge', {
      name: 'sluice_in_flight_requests',
      help: 'Requests in flight to the upstream.',
      labelNames: ['route'],
    }),
    waiting: new Metric('gauge', {
      name: 'sluice_waiting_requests',
      help: 'Requests waiting for a limit.',
      labelNames: ['route'],
    }),
    effectiveLimit: new Metric('gauge', {
      name: 'sluice_effective_limit_units',
      help: 'Limit of a rule at its last decision, including warm-up and tier.',
      labelNames: ['route', 'rule', 'tier'],
    }),
    warmUpScale: new Metric('gauge', {
      name: 'sluice_warm_up_scale_ratio',
      help: 'Factor applied to the limits of a route while its model warms up.',
      labelNames: ['route'],
    }),
    storeUp: new Metric('gauge', {
      name: 'sluice_store_up',
      help: '1 while the store is available, 0 while the failure policy decides.',
    }),
    storeFailures: new Metric('counter', {
      name: 'sluice_store_failures_total',
      help: 'Failed store operations: errors, timeouts, and errors caused by a single request.',
      labelNames: ['kind'],
    }),
    storeBreaker: new Metric('gauge', {
      name: 'sluice_store_breaker',
      help: 'State of the circuit breaker of the store: 1 for the current state, 0 for the others.',
      labelNames: ['state'],
    }),
    storeUnavailable: new Metric('counter', {
      name: 'sluice_store_unavailable_total',
      help: 'Requests rejected with 503 because the store was unavailable.',
    }),
    settlementsWaiting: new Metric('gauge', {
      name: 'sluice_settlements_waiting',
      help: 'Settlements queued until the store is available.',
    }),
    settlementsLost: new Metric('counter', {
      name: 'sluice_settlements_lost_total',
      help: 'Settlements that never reached the store; their reservations were not corrected.',
    }),
    connections: new Metric('gauge', {
      name: 'sluice_connections',
      help: 'Open client connections.',
    }),
    maxConnections: new Metric('gauge', {
      name: 'sluice_max_connections',
      help: 'Maximum number of client connections.',
    }),
    connectionsRefused: new Metric('counter', {
      name: 'sluice_connections_refused_total',
      help: 'Client connections closed immediately because the maximum was reached.',
    }),
    bodyMemory: new Metric('gauge', {
      name: 'sluice_body_memory_bytes',
      help: 'Memory used by request bodies that rules read.',
    }),
    maxBodyMemory: new Metric('gauge', {
      name: 'sluice_max_body_memory_bytes',
      help: 'Maximum memory for request bodies that rules read.',
    }),
    bodiesRefused: new Metric('counter', {
      name: 'sluice_bodies_refused_total',
      help: 'Requests rejected with 503 because the body memory was exhausted.',
    }),
    upstreamUp: new Metric('gauge', {
      name: 'sluice_upstream_up',
      help: '1 while an address of an upstream is in use, 0 while it is skipped.',
      labelNames: ['upstream', 'address'],
    }),
    upstreamRequests: new Metric('counter', {
      name: 'sluice_upstream_requests_total',
      help: 'Requests sent to an upstream, by the status of its response or as error.',
      labelNames: ['upstream', 'status'],
    }),
    upstreamFallbacks: new Metric('counter', {
      name: 'sluice_upstream_fallbacks_total',
      help: 'Requests that were sent to the next upstream instead.',
      labelNames: ['upstream'],
    }),
    upstreamPauses: new Metric('counter', {
      name: 'sluice_upstream_pauses_total',
      help: 'Pauses that an upstream asked for.',
      labelNames: ['upstream'],
    }),
    upstreamPaused: new Metric('gauge', {
      name: 'sluice_upstream_paused_seconds',
      help: 'Time until the current pause of an upstream ends.',
      labelNames: ['upstream'],
    }),
    lineWaiting: new Metric('gauge', {
      name: 'sluice_line_waiting_requests',
      help: 'Requests that wait for a limit that is fair, has classes or follows a server.',
      labelNames: ['limit'],
    }),
    lineSent: new Metric('counter', {
      name: 'sluice_line_sent_total',
      help: 'Requests of such a limit that were sent, by class.',
      labelNames: ['limit', 'class'],
    }),
    lineService: new Metric('counter', {
      name: 'sluice_line_service_total',
      help: 'Weighted work of the requests of a fair limit.',
      labelNames: ['limit'],
    }),
    linePushedOut: new Metric('counter', {
      name: 'sluice_line_pushed_out_total',
      help: 'Requests that lost their place in a full line to another one.',
      labelNames: ['limit'],
    }),
    lineLate: new Metric('counter', {
      name: 'sluice_line_late_total',
      help: 'Requests that were not sent because their responses would have begun too late.',
      labelNames: ['limit'],
    }),
    lineFairness: new Metric('gauge', {
      name: 'sluice_line_fairness',
      help: "Jain's index of the service of tenants that waited in the last minute.",
      labelNames: ['limit'],
    }),
    lineShare: new Metric('gauge', {
      name: 'sluice_line_share',
      help: 'The part of recent service of the tenants with the most, from 1 to 5.',
      labelNames: ['limit', 'rank'],
    }),
    windowSize: new Metric('gauge', {
      name: 'sluice_window_requests',
      help: 'Requests that may be on their way: sent, and their responses have not begun.',
      labelNames: ['limit'],
    }),
    windowNotBegun: new Metric('gauge', {
      name: 'sluice_window_not_begun',
      help: 'Requests that are on their way.',
      labelNames: ['limit'],
    }),
    windowInFlight: new Metric('gauge', {
      name: 'sluice_window_in_flight',
      help: 'Requests that were sent and have not ended.',
      labelNames: ['limit'],
    }),
    windowBegun: new Metric('gauge', {
      name: 'sluice_window_begun_per_second',
      help: 'Responses that begin per second.',
      labelNames: ['limit'],
    }),
    windowQueue: new Metric('gauge', {
      name: 'sluice_window_server_queue',
      help: 'Requests that probably wait in the server.',
      labelNames: ['limit'],
    }),
    windowGap: new Metric('gauge', {
      name: 'sluice_window_gap_seconds',
      help: 'Time per output token of running streams.',
      labelNames: ['limit'],
    }),
    windowHold: new Metric('gauge', {
      name: 'sluice_window_hold_seconds',
      help: 'Time for which nothing is sent, because the server said that it is overloaded.',
      labelNames: ['limit'],
    }),
    windowOff: new Metric('gauge', {
      name: 'sluice_window_off',
      help: '1 while a window does not limit, by the reason.',
      labelNames: ['limit', 'reason'],
    }),
    fleetGateways: new Metric('gauge', {
      name: 'sluice_fleet_gateways',
      help: 'Gateways that share servers fairly, including this one.',
    }),
    fleetDegraded: new Metric('gauge', {
      name: 'sluice_fleet_degraded',
      help: '1 while this gateway is fair by itself, because the store is away.',
    }),
    memoryKeys: new Metric('gauge', {
      name: 'sluice_memory_keys',
      help: 'Keys with state in the memory of this process.',
    }),
    droppedLines: new Metric('counter', {
      name: 'sluice_dropped_lines_total',
      help: 'Lines of the log, the access log, the audit log or the record that were dropped.',
      labelNames: ['file'],
    }),
    memoryOverflow: new Metric('counter', {
      name: 'sluice_memory_overflow_charges_total',
      help: 'Charges of unknown keys to a shared bucket because the memory store was full.',
    }),
    buildInfo: new Metric('info', {
      name: 'sluice_build_info',
      help: 'The versions of the gateway and of Node.',
      labelNames: ['version', 'node'],
    }),
    process: {
      cpuUser: processMetric('counter', 'process_cpu_user_seconds_total', 'CPU time in user mode.'),
      cpuSystem: processMetric('counter', 'process_cpu_system_seconds_total', 'CPU time in system mode.'),
      cpu: processMetric('counter', 'process_cpu_seconds_total', 'CPU time.'),
      startTime: processMetric('gauge', 'process_start_time_seconds', 'Start of the process, since 1970.'),
      residentMemory: processMetric('gauge', 'process_resident_memory_bytes', 'Resident memory.'),
      virtualMemory: processMetric('gauge', 'process_virtual_memory_bytes', 'Virtual memory.'),
      openFiles: processMetric('gauge', 'process_open_fds', 'Open file descriptors.'),
      maxFiles: processMetric('gauge', 'process_max_fds', 'Maximum number of open file descriptors.'),
      heapTotal: processMetric('gauge', 'nodejs_heap_size_total_bytes', 'Size of the heap of V8.'),
      heapUsed: processMetric('gauge', 'nodejs_heap_size_used_bytes', 'Used part of the heap of V8.'),
      external: processMetric('gauge', 'nodejs_external_memory_bytes', 'Memory of objects outside the heap.'),
      eventLoopLag: new HistogramMetric({
        name: 'nodejs_eventloop_lag_seconds',
        help: 'Delay of a timer of 20 ms, measured throughout.',
        labelNames: ['process'],
        buckets: LAG_BUCKETS,
      }),
    },
  }
}

function processMetric(type: 'counter' | 'gauge', name: string, help: string): Metric<'process'> {
  return new Metric(type, { name, help, labelNames: ['process'] })
}

/** Lists all metrics. */
export function metricsOf({
  process,
  ...others
}: Instruments): readonly (Metric<string> | HistogramMetric<string>)[] {
  return [...Object.values(others), ...Object.values(process)]
}
