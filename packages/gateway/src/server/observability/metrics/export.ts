import type { StoreStats } from '../../store/store-stats.js'
import type { ServerLoad } from '../server-load.js'
import type { RouteCounters, RuleCounters } from './counters.js'
import type { Instruments } from './instruments.js'

/** Copies the counters of routes and rules to the Prometheus instruments. */
export function exportTraffic(instruments: Instruments, routes: ReadonlyMap<string, RouteCounters>): void {
  const { requests, decisions, degraded, inFlight, waiting, unreadableResponses } = instruments
  const { refusals, shadowRefusals, softOverruns, thresholds, taken, returned, owed, effectiveLimit } =
    instruments
  const routeInstruments = [requests, decisions, degraded, inFlight, waiting, unreadableResponses]
  const ruleInstruments = [
    ...[refusals, shadowRefusals, softOverruns, thresholds],
    ...[taken, returned, owed, effectiveLimit],
  ]
  for (const instrument of [...routeInstruments, ...ruleInstruments]) instrument.reset()
  for (const [route, counters] of routes) {
    for (const [outcome, count] of counters.outcomes) requests.inc({ route, outcome }, count)
    const blocked = counters.outcomes.of('blocked')
    if (blocked > 0) refusals.inc({ route, rule: '', reason: 'blocked' }, blocked)
    for (const [tier, count] of counters.allowed) decisions.inc({ route, outcome: 'allowed', tier }, count)
    for (const [tier, count] of counters.refused) decisions.inc({ route, outcome: 'refused', tier }, count)
    // Requests that match no route reach no limit and no upstream.
    if (route === '') continue
    degraded.inc({ route }, counters.degraded)
    for (const [reason, count] of counters.unreadableResponses)
      unreadableResponses.inc({ route, reason }, count)
    inFlight.set({ route }, counters.inFlight)
    waiting.set({ route }, counters.waiting)
    for (const [rule, ruleCounters] of counters.rules) exportRule(instruments, { route, rule }, ruleCounters)
  }
}

function exportRule(
  { refusals, shadowRefusals, softOverruns, thresholds, taken, returned, owed, effectiveLimit }: Instruments,
  labels: { readonly route: string; readonly rule: string },
  counters: RuleCounters,
): void {
  const withResource = { ...labels, resource: counters.resource }
  taken.inc(withResource, counters.taken)
  returned.inc(withResource, counters.returned)
  owed.inc(withResource, counters.owed)
  shadowRefusals.inc(labels, counters.shadowRefusals)
  if (counters.softOverruns > 0) softOverruns.inc(labels, counters.softOverruns)
  for (const [threshold, count] of counters.thresholds) thresholds.inc({ ...labels, threshold }, count)
  for (const [reason, count] of counters.refusals) refusals.inc({ ...labels, reason }, count)
  for (const [tier, limit] of counters.limits) effectiveLimit.set({ ...labels, tier }, limit)
}

export function exportLoad(instruments: Instruments, load: ServerLoad): void {
  const { connections, maxConnections, connectionsRefused } = instruments
  const { bodyMemory, maxBodyMemory, bodiesRefused } = instruments
  connections.set(load.connections)
  maxConnections.set(load.maxConnections)
  connectionsRefused.reset()
  connectionsRefused.inc(load.refusedConnections)
  bodyMemory.set(load.bodyMemory)
  maxBodyMemory.set(load.maxBodyMemory)
  bodiesRefused.reset()
  bodiesRefused.inc(load.refusedBodies)
}

export function exportStore(instruments: Instruments, stats: StoreStats): void {
  const { up, breaker, failures, timeouts, requestErrors, unavailable, settlements, memory } = stats
  const { storeUp, storeBreaker, storeFailures, storeUnavailable } = instruments
  const { settlementsWaiting, settlementsLost, memoryKeys, memoryOverflow } = instruments
  storeUp.set(up ? 1 : 0)
  if (breaker !== undefined)
    for (const state of ['closed', 'open', 'half-open'])
      storeBreaker.set({ state }, state === breaker ? 1 : 0)
  storeFailures.reset()
  storeFailures.inc({ kind: 'error' }, failures)
  storeFailures.inc({ kind: 'timeout' }, timeouts)
  storeFailures.inc({ kind: 'request' }, requestErrors)
  storeUnavailable.reset()
  storeUnavailable.inc(unavailable)
  settlementsWaiting.set(settlements.waiting)
  settlementsLost.reset()
  settlementsLost.inc(settlements.lost)
  memoryKeys.set(memory.keys)
  memoryOverflow.reset()
  memoryOverflow.inc(memory.overflowed)
}

/** Number of lines that could not be written, by file. */
export interface DroppedLines {
  readonly log: number
  readonly audit: number
  readonly record: number
}

export function exportDropped({ droppedLines }: Instruments, dropped: DroppedLines): void {
  droppedLines.reset()
  for (const [file, count] of Object.entries(dropped)) droppedLines.inc({ file }, count)
}
