import type { StoreStats } from '../../store/store-stats.js'
import type { ServerLoad } from '../server-load.js'
import type { RouteCounters, RuleCounters } from './counters.js'
import type { Instruments } from './instruments.js'

/** Fills what Prometheus reads from what was counted. */

export function exportTraffic(instruments: Instruments, routes: ReadonlyMap<string, RouteCounters>): void {
  const { requests, decisions, degraded, inFlight, waiting, unreadAnswers } = instruments
  const { refusals, shadowRefusals, taken, returned, owed, effectiveLimit } = instruments
  const ofRoutes = [requests, decisions, degraded, inFlight, waiting, unreadAnswers]
  const ofRules = [refusals, shadowRefusals, taken, returned, owed, effectiveLimit]
  for (const instrument of [...ofRoutes, ...ofRules]) instrument.reset()
  for (const [route, tally] of routes) {
    for (const [outcome, count] of tally.outcomes) requests.inc({ route, outcome }, count)
    for (const [tier, count] of tally.allowed) decisions.inc({ route, outcome: 'allowed', tier }, count)
    for (const [tier, count] of tally.refused) decisions.inc({ route, outcome: 'refused', tier }, count)
    // What no route takes is never decided on, and is with nobody.
    if (route === '') continue
    degraded.inc({ route }, tally.degraded)
    for (const [reason, count] of tally.unreadAnswers) unreadAnswers.inc({ route, reason }, count)
    inFlight.set({ route }, tally.inFlight)
    waiting.set({ route }, tally.waiting)
    for (const [rule, ofRule] of tally.rules) fillRule(instruments, { route, rule }, ofRule)
  }
}

function fillRule(
  { refusals, shadowRefusals, taken, returned, owed, effectiveLimit }: Instruments,
  labels: { readonly route: string; readonly rule: string },
  tally: RuleCounters,
): void {
  const counted = { ...labels, resource: tally.resource }
  taken.inc(counted, tally.taken)
  returned.inc(counted, tally.returned)
  owed.inc(counted, tally.owed)
  shadowRefusals.inc(labels, tally.shadowRefusals)
  for (const [reason, count] of tally.refusals) refusals.inc({ ...labels, reason }, count)
  for (const [tier, limit] of tally.limits) effectiveLimit.set({ ...labels, tier }, limit)
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

export function exportStore(instruments: Instruments, figures: StoreStats): void {
  const { up, breaker, failures, timeouts, requestErrors, unavailable, settlements, memory } = figures
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

/** Lines that could not be written, by what they are of. */
export interface DroppedLines {
  readonly log: number
  readonly audit: number
  readonly record: number
}

export function exportDropped({ droppedLines }: Instruments, dropped: DroppedLines): void {
  droppedLines.reset()
  for (const [file, count] of Object.entries(dropped)) droppedLines.inc({ file }, count)
}
