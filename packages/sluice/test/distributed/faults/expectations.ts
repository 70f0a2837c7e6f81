import { expect } from 'vitest'
import { type Allowance, expectWithinBounds } from './bounds.js'
import { DEADLINE_MS, type GroupReport, type LoadReport, SLOTS } from './load.js'

export interface Expected extends Allowance {
  /**
   * `outage`: every process decides without its store for a while. `recoverable`: the store
   * retries.
   */
  readonly fault: 'outage' | 'recoverable'
  /** An error after which the store does not retry: the call fails, and the policy decides. */
  readonly allowedError?: RegExp
  /** Number of connections that a process has to its store. */
  readonly sockets: number
}

/** Maximum number of pending calls per process. Far more calls are made during an outage. */
const MAX_PENDING_CALLS = 100
/** Allowed memory growth of a process in bytes, for compiled code and connection buffers. */
const MAX_GROWTH_BYTES = 3_000_000

/** Checks the guarantees that hold for every fault. */
export function expectGuarantees(groups: readonly GroupReport[], expected: Expected): void {
  for (const group of groups) {
    for (const report of group.reports) expectProcessGuarantees(report, group.policy, expected)
    expectWithinBounds(group, expected)
  }
}

function expectProcessGuarantees(
  report: LoadReport,
  policy: GroupReport['policy'],
  { fault, sockets, allowedError }: Expected,
) {
  const { count, slots, max, memory, changes, replies, recovery, stats, error } = report
  // Unhandled rejections count as errors. A decision is overdue 50 ms after its deadline.
  expect(error).toBe('')
  expect(count).toMatchObject({ errors: 0, overdue: 0 })
  expect(count[policy === 'closed' ? 'degraded' : 'unavailable']).toBe(0)
  expect(recovery.inTime, `the store decided again ${recovery.afterMs} ms after its recovery`).toBe(true)

  expect(slots.free).toBe(SLOTS)
  expect(max.pending).toBeLessThan(MAX_PENDING_CALLS)
  expect(max.pendingLeft).toBe(0)
  expect(report.isClosed).toBe(true)
  expect(max.socketsLeft).toBeLessThanOrEqual(sockets)
  expect(max.sockets).toBeLessThanOrEqual(2 * sockets)
  expect(memory.atEnd - memory.before).toBeLessThan(MAX_GROWTH_BYTES)
  expect(memory.after - memory.before).toBeLessThan(MAX_GROWTH_BYTES)

  // Changes are reported once, not per request.
  expect(changes).toEqual(changes.map((_, index) => (index % 2 === 0 ? 'open' : 'closed')))
  expect(stats.settlementsWaiting).toBe(0)
  if (fault === 'recoverable') expect(replies.filter((reply) => !allowedError?.test(reply))).toEqual([])
  else expect(count.degraded + count.unavailable).toBeGreaterThan(0)
}

/** Returns the measurements in one line. */
export function summaryOf(groups: readonly GroupReport[]): string {
  const reports = groups.flatMap((group) => group.reports)
  const max = (of: (report: LoadReport) => number) => Math.max(...reports.map(of))
  const sum = (of: (report: LoadReport) => number) => reports.reduce((total, report) => total + of(report), 0)
  const calls = sum(({ count }) => count.calls)
  const rate = sum(({ requestsPerSecond }) => requestsPerSecond).toFixed(0)
  const withoutStore = sum(({ count }) => count.degraded + count.unavailable)
  const grown = max(({ memory }) => Math.max(memory.atEnd, memory.after) - memory.before) / 1e6
  return (
    `at ${rate} requests/s, ${withoutStore} of ${calls} decided without the store; ` +
    `slowest decision ${max((each) => each.max.decisionMs).toFixed(0)} ms ` +
    `(deadline ${DEADLINE_MS} ms; a plain timer of this length took ${max((each) => each.max.timerMs).toFixed(0)} ms); ` +
    `the store decided again ${max(({ recovery }) => recovery.afterMs).toFixed(0)} ms after its recovery; ` +
    `at most ${max((each) => each.max.pending)} pending calls and ${max((each) => each.max.sockets)} connections per process; ` +
    `memory grew by at most ${grown.toFixed(1)} MB`
  )
}
