import { expect } from 'vitest'
import { type Allowance, expectWithinBounds } from './bounds.js'
import { DEADLINE, type GroupReport, type LoadReport, SLOTS } from './load.js'

export interface Expected extends Allowance {
  /**
   * `outage`: every process decides without its store for a while. `recoverable`: the store
   * retries.
   */
  readonly fault: 'outage' | 'recoverable'
  /** An error after which the store does not retry: the call fails, and the policy decides. */
  readonly allowedError?: RegExp
  /** Connections of a process to its store. */
  readonly sockets: number
}

/** Maximum number of pending calls per process, far below the number of calls during an outage. */
const MAX_PENDING_CALLS = 100
/** Allowed growth of a process in bytes, for compiled code and connection buffers. */
const MEMORY = 3_000_000

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
  const { count, slots, most, memory, changes, replies, back, stats, error } = report
  // Unhandled rejections count as errors. A decision is overdue 50 ms after its deadline.
  expect(error).toBe('')
  expect(count).toMatchObject({ errors: 0, overdue: 0 })
  expect(count[policy === 'closed' ? 'degraded' : 'unavailable']).toBe(0)
  expect(back.inTime, `the store decided again ${back.after} ms after its recovery`).toBe(true)

  expect(slots.free).toBe(SLOTS)
  expect(most.pending).toBeLessThan(MAX_PENDING_CALLS)
  expect(most.pendingLeft).toBe(0)
  expect(report.isClosed).toBe(true)
  expect(most.socketsLeft).toBeLessThanOrEqual(sockets)
  expect(most.sockets).toBeLessThanOrEqual(2 * sockets)
  expect(memory.atEnd - memory.before).toBeLessThan(MEMORY)
  expect(memory.after - memory.before).toBeLessThan(MEMORY)

  // Changes are reported once, not per request.
  expect(changes).toEqual(changes.map((_, index) => (index % 2 === 0 ? 'open' : 'closed')))
  expect(stats.settlementsWaiting).toBe(0)
  if (fault === 'recoverable') expect(replies.filter((reply) => !allowedError?.test(reply))).toEqual([])
  else expect(count.degraded + count.unavailable).toBeGreaterThan(0)
}

/** Returns the measurements in one line. */
export function summaryOf(groups: readonly GroupReport[]): string {
  const reports = groups.flatMap((group) => group.reports)
  const most = (of: (report: LoadReport) => number) => Math.max(...reports.map(of))
  const sum = (of: (report: LoadReport) => number) => reports.reduce((total, report) => total + of(report), 0)
  const calls = sum(({ count }) => count.calls)
  const rate = sum(({ requestsPerSecond }) => requestsPerSecond).toFixed(0)
  const without = sum(({ count }) => count.degraded + count.unavailable)
  const grown = most(({ memory }) => Math.max(memory.atEnd, memory.after) - memory.before) / 1e6
  return (
    `at ${rate} requests/s, ${without} of ${calls} decided without the store, the slowest in ${most((each) => each.most.milliseconds).toFixed(0)} ms ` +
    `(deadline ${DEADLINE} ms; a bare timer of as much took ${most((each) => each.most.ofBareTimer).toFixed(0)} ms); ` +
    `back ${most(({ back }) => back.after).toFixed(0)} ms after its return; ` +
    `at most ${most((each) => each.most.pending)} pending calls and ${most((each) => each.most.sockets)} connections a process, ` +
    `${grown.toFixed(1)} MB more`
  )
}
