import { type LineState, UNITS_PER_CURRENCY } from 'sluice/internal'
import type { SpendStats } from '../../spend/spend-recorder.js'
import type { StoreStats } from '../../store/store-stats.js'
import type { ServerLoad } from '../server-load.js'
import type { UpstreamLoad } from '../upstream-load.js'
import type { RouteCounters, RuleCounters } from './counters.js'
import type { Instruments } from './instruments.js'
import type { ProcessStats } from './process-stats.js'

/** Copies the counters of routes and rules to the Prometheus instruments. */
export function exportTraffic(instruments: Instruments, routes: ReadonlyMap<string, RouteCounters>): void {
  const { requests, decisions, degraded, inFlight, waiting, unreadableResponses, exhaustedStreams } =
    instruments
  const {
    refusals,
    shadowRefusals,
    softOverruns,
    thresholds,
    taken,
    returned,
    owed,
    extensions,
    effectiveLimit,
    tokens,
    money,
  } = instruments
  const routeInstruments = [
    requests,
    decisions,
    degraded,
    inFlight,
    waiting,
    unreadableResponses,
    exhaustedStreams,
    tokens,
    money,
  ]
  const ruleInstruments = [
    ...[refusals, shadowRefusals, softOverruns, thresholds],
    ...[taken, returned, owed, extensions, effectiveLimit],
  ]
  for (const instrument of [...routeInstruments, ...ruleInstruments]) instrument.clear()
  for (const [route, counters] of routes) {
    for (const [outcome, count] of counters.outcomes) requests.add({ route, outcome }, count)
    const blocked = counters.outcomes.of('blocked')
    if (blocked > 0) refusals.add({ route, rule: '', reason: 'blocked' }, blocked)
    for (const [tier, count] of counters.allowed) decisions.add({ route, outcome: 'allowed', tier }, count)
    for (const [tier, count] of counters.refused) decisions.add({ route, outcome: 'refused', tier }, count)
    // Requests that match no route reach no limit and no upstream.
    if (route === '') continue
    degraded.add({ route }, counters.degraded)
    for (const [reason, count] of counters.unreadableResponses)
      unreadableResponses.add({ route, reason }, count)
    for (const [action, count] of counters.exhaustedStreams) exhaustedStreams.add({ route, action }, count)
    inFlight.add({ route }, counters.inFlight)
    waiting.add({ route }, counters.waiting)
    for (const [model, { input, output, money: spent }] of counters.models) {
      tokens.add({ route, model, direction: 'input' }, input)
      tokens.add({ route, model, direction: 'output' }, output)
      for (const [currency, units] of spent) money.add({ route, model, currency }, units / UNITS_PER_CURRENCY)
    }
    for (const [rule, ruleCounters] of counters.rules) exportRule(instruments, { route, rule }, ruleCounters)
  }
}

function exportRule(
  {
    refusals,
    shadowRefusals,
    softOverruns,
    thresholds,
    taken,
    returned,
    owed,
    extensions,
    effectiveLimit,
  }: Instruments,
  labels: { readonly route: string; readonly rule: string },
  counters: RuleCounters,
): void {
  const withResource = { ...labels, resource: counters.resource }
  taken.add(withResource, counters.taken)
  returned.add(withResource, counters.returned)
  owed.add(withResource, counters.owed)
  if (counters.extensions > 0) extensions.add(labels, counters.extensions)
  shadowRefusals.add(labels, counters.shadowRefusals)
  if (counters.softOverruns > 0) softOverruns.add(labels, counters.softOverruns)
  for (const [threshold, count] of counters.thresholds) thresholds.add({ ...labels, threshold }, count)
  for (const [reason, count] of counters.refusals)
    refusals.add({ ...labels, reason }, count, counters.refused.get(reason)?.exemplar)
  for (const [tier, limit] of counters.limits) effectiveLimit.add({ ...labels, tier }, limit)
}

export function exportLoad(instruments: Instruments, load: ServerLoad): void {
  const { connections, maxConnections, connectionsRefused } = instruments
  const { bodyMemory, maxBodyMemory, bodiesRefused } = instruments
  connections.setTo(load.connections)
  maxConnections.setTo(load.maxConnections)
  connectionsRefused.setTo(load.refusedConnections)
  bodyMemory.setTo(load.bodyMemory)
  maxBodyMemory.setTo(load.maxBodyMemory)
  bodiesRefused.setTo(load.refusedBodies)
  exportUpstreams(instruments, load.upstreams)
}

function exportUpstreams(instruments: Instruments, upstreams: readonly UpstreamLoad[]): void {
  const { upstreamUp, upstreamRequests, upstreamFallbacks, upstreamPauses, upstreamPaused } = instruments
  for (const metric of [upstreamUp, upstreamRequests, upstreamFallbacks, upstreamPauses, upstreamPaused])
    metric.clear()
  for (const { upstream, addresses, responses, fallbacks, pauses, pausedMs } of upstreams) {
    for (const { address, up } of addresses) upstreamUp.add({ upstream, address }, up ? 1 : 0)
    for (const [status, count] of Object.entries(responses)) upstreamRequests.add({ upstream, status }, count)
    upstreamFallbacks.add({ upstream }, fallbacks)
    upstreamPauses.add({ upstream }, pauses)
    upstreamPaused.add({ upstream }, pausedMs / 1000)
  }
}

/** Tenants whose shares are exported, without their names. */
const SHOWN_TENANTS = 5

/** @param lines by the scope of their rule */
export function exportLines(instruments: Instruments, lines: ReadonlyMap<string, LineState>): void {
  const { lineWaiting, lineSent, lineService, linePushedOut, lineLate, lineFairness, lineShare } = instruments
  for (const metric of [lineWaiting, lineSent, lineService, linePushedOut, lineLate, lineFairness, lineShare])
    metric.clear()
  const windowMetrics = windowMetricsOf(instruments)
  for (const metric of windowMetrics) metric.clear()
  for (const [scope, { totals, waiting, tenants, fairness, windows }] of lines) {
    // Lines without shares, classes or windows are counted by route.
    if (totals.sent.size === 0 && windows.length === 0) continue
    const limit = limitNameOf(scope)
    lineWaiting.add({ limit }, waiting)
    for (const [name, count] of totals.sent) lineSent.add({ limit, class: name }, count)
    lineService.add({ limit }, totals.service)
    linePushedOut.add({ limit }, totals.pushedOut)
    lineLate.add({ limit }, totals.late)
    if (fairness !== undefined) lineFairness.add({ limit }, fairness)
    for (const [index, { part }] of tenants.slice(0, SHOWN_TENANTS).entries())
      lineShare.add({ limit, rank: String(index + 1) }, part)
    if (windows.length > 0) exportWindows(instruments, limit, windows)
  }
}

/** Exports the windows of all keys of a limit. */
function exportWindows(instruments: Instruments, limit: string, windows: LineState['windows']): void {
  const { windowSize, windowNotBegun, windowInFlight, windowBegun } = instruments
  const { windowQueue, windowGap, windowHold, windowOff } = instruments
  windowSize.add({ limit }, sum(windows.map(({ window }) => window)))
  windowNotBegun.add({ limit }, sum(windows.map(({ notBegun }) => notBegun)))
  windowInFlight.add({ limit }, sum(windows.map(({ inFlight }) => inFlight)))
  windowBegun.add({ limit }, sum(windows.map(({ begunPerSecond }) => begunPerSecond)))
  windowQueue.add({ limit }, sum(windows.map(({ serverQueue }) => serverQueue)))
  windowGap.add({ limit }, Math.max(...windows.map(({ gapMs }) => gapMs)) / 1000)
  windowHold.add({ limit }, Math.max(...windows.map(({ holdMs }) => holdMs)) / 1000)
  for (const reason of new Set(windows.flatMap(({ off }) => off ?? []))) windowOff.add({ limit, reason }, 1)
}

function windowMetricsOf(instruments: Instruments) {
  const { windowSize, windowNotBegun, windowInFlight, windowBegun } = instruments
  const { windowQueue, windowGap, windowHold, windowOff } = instruments
  return [
    ...[windowSize, windowNotBegun, windowInFlight, windowBegun],
    ...[windowQueue, windowGap, windowHold, windowOff],
  ]
}

/** Returns the name of a limit by the scope of its rule, with that of its route or upstream if it has one. */
function limitNameOf(scope: string): string {
  return scope.split('\n').filter(Boolean).join(' ')
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, each) => total + each, 0)
}

/** @param fleet undefined unless gateways share servers fairly */
export function exportFleet(
  { fleetGateways, fleetDegraded }: Instruments,
  fleet: { readonly gateways: number; readonly isDegraded: boolean } | undefined,
): void {
  fleetGateways.clear()
  fleetDegraded.clear()
  if (fleet === undefined) return
  fleetGateways.setTo(fleet.gateways)
  fleetDegraded.setTo(fleet.isDegraded ? 1 : 0)
}

export function exportStore(instruments: Instruments, stats: StoreStats): void {
  const { up, breaker, failures, timeouts, requestErrors, unavailable, settlements, memory } = stats
  const { storeUp, storeBreaker, storeFailures, storeUnavailable } = instruments
  const { settlementsWaiting, settlementsLost, memoryKeys, memoryOverflow } = instruments
  storeUp.setTo(up ? 1 : 0)
  storeBreaker.clear()
  if (breaker !== undefined)
    for (const state of ['closed', 'open', 'half-open'])
      storeBreaker.add({ state }, state === breaker ? 1 : 0)
  storeFailures.clear()
  storeFailures.add({ kind: 'error' }, failures)
  storeFailures.add({ kind: 'timeout' }, timeouts)
  storeFailures.add({ kind: 'request' }, requestErrors)
  storeUnavailable.setTo(unavailable)
  settlementsWaiting.setTo(settlements.waiting)
  settlementsLost.setTo(settlements.lost)
  memoryKeys.setTo(memory.keys)
  memoryOverflow.setTo(memory.overflowed)
}

export function exportSpend(
  { spendWaiting, spendOther, spendDropped }: Instruments,
  { waiting, other, dropped }: SpendStats,
): void {
  spendWaiting.setTo(waiting)
  spendOther.setTo(other)
  spendDropped.setTo(dropped)
}

/** Number of lines that could not be written, by file. */
export interface DroppedLines {
  readonly log: number
  readonly access: number
  readonly audit: number
  readonly record: number
}

export function exportDropped({ droppedLines }: Instruments, dropped: DroppedLines): void {
  droppedLines.clear()
  for (const [file, count] of Object.entries(dropped)) droppedLines.add({ file }, count)
}

/** @param processes the name of each process, and what it uses */
export function exportProcesses(
  { process }: Instruments,
  processes: Iterable<readonly [process: string, ProcessStats]>,
): void {
  for (const metric of Object.values(process)) metric.clear()
  for (const [name, stats] of processes) {
    const labels = { process: name }
    const { cpuUserSeconds, cpuSystemSeconds, virtualMemory, openFiles, maxFiles } = stats
    process.cpuUser.add(labels, cpuUserSeconds)
    process.cpuSystem.add(labels, cpuSystemSeconds)
    process.cpu.add(labels, cpuUserSeconds + cpuSystemSeconds)
    process.startTime.add(labels, stats.startTimeSeconds)
    process.residentMemory.add(labels, stats.residentMemory)
    process.heapTotal.add(labels, stats.heapTotal)
    process.heapUsed.add(labels, stats.heapUsed)
    process.external.add(labels, stats.external)
    process.eventLoopLag.add(labels, stats.eventLoopLag)
    if (virtualMemory !== undefined) process.virtualMemory.add(labels, virtualMemory)
    if (openFiles !== undefined) process.openFiles.add(labels, openFiles)
    if (maxFiles !== undefined) process.maxFiles.add(labels, maxFiles)
  }
}
