import { expect } from 'vitest'
import { shareOf } from '../../../src/stores/resilience/peer-share.js'
import { type TightestInterval, tightestInterval, tightestPeriod } from '../checker.js'
import { BUCKET, type GroupReport, type LateAdmission, LOG, type LoggedAdmission, SLOTS } from './load.js'

/** Documented behavior of the servers that relaxes the bounds. */
export interface Allowance {
  /** Number of times that the servers lost their state. */
  readonly losses?: number
  /** Maximum difference between the clocks by which the store decides, in milliseconds. */
  readonly clocks?: number
}

/** Maximum rounding error of the sums, in units. */
const ROUNDING = 1e-6

/** Checks the admissions of the processes of one policy against the documented bounds. */
export function expectWithinBounds({ policy, peers, reports }: GroupReport, allowance: Allowance): void {
  const all = reports.flatMap(({ log }) => log)
  const by = (source: LoggedAdmission['source']) => all.filter((admission) => admission.source === source)
  expect(new Set(all.map(({ source }) => source))).toEqual(new Set(['store', ...sourcesOf(policy, by)]))
  const refunds = reports.flatMap((report) => report.refunds)
  expectStoreBound(by('store'), refunds, allowance)
  if (policy === 'local') expectLocalBound(by('local'), peers)
}

/** Returns the fallback that has admitted requests, if any. */
function sourcesOf(policy: GroupReport['policy'], by: (source: 'local' | 'open') => readonly unknown[]) {
  return policy === 'closed' || by(policy).length === 0 ? [] : [policy]
}

/**
 * Checks the store's bounds: `B + r·t` in any interval, the limit in any trailing period, and the
 * slots at any time. Each loss of state adds the limit once more.
 *
 * The bound of a bucket applies to all admissions minus the refunds within the same interval. It
 * does not apply to the admissions that were never refunded: if two charges are refunded one after
 * the other, the second refund may return more than is left of its charge, which admits other
 * requests (see `tokenBucket`). A sliding log and slots return exactly what was taken.
 */
function expectStoreBound(
  log: readonly LoggedAdmission[],
  refunds: readonly LateAdmission[],
  { losses = 0, clocks = 0 }: Allowance,
): void {
  const times = 1 + losses
  const rate = BUCKET.limit / BUCKET.period
  const [bucket, entries, slots] = byKind(log)
  expectNoExcess(
    tightestInterval([...bucket, ...refunds], BUCKET.burst * times + rate * clocks, rate, refunds),
  )
  expectNoExcess(tightestPeriod(entries, LOG.limit * times, LOG.period - clocks))
  expect(maxConcurrent(slots)).toBeLessThanOrEqual(SLOTS * times)
}

/** Checks the bounds that `shareOf` documents for processes that decide locally. */
function expectLocalBound(log: readonly LoggedAdmission[], peers: number): void {
  const [bucket, entries, slots] = byKind(log)
  const share = shareOf(BUCKET, peers)
  const burst = share.algorithm === 'token-bucket' ? share.burst * peers : Number.NaN
  expectNoExcess(tightestInterval(bucket, burst, BUCKET.limit / BUCKET.period))
  expectNoExcess(tightestPeriod(entries, shareOf(LOG, peers).limit * peers, LOG.period))
  expect(maxConcurrent(slots)).toBeLessThanOrEqual(SLOTS)
}

function expectNoExcess(tightest: TightestInterval | undefined): void {
  expect(tightest?.excess ?? 0).toBeLessThan(ROUNDING)
}

type Kinds = readonly [bucket: UnitAdmission[], entries: UnitAdmission[], slots: UnitAdmission[]]
type UnitAdmission = LoggedAdmission & { readonly cost: 1 }

function byKind(log: readonly LoggedAdmission[]): Kinds {
  const kinds: Kinds = [[], [], []]
  for (const admission of log) kinds[admission.kind as 0 | 1 | 2].push({ ...admission, cost: 1 })
  return kinds
}

function maxConcurrent(log: readonly LoggedAdmission[]): number {
  const changes = log.flatMap(({ heldFrom, heldUntil }) => [
    { at: heldFrom, change: 1 },
    { at: heldUntil, change: -1 },
  ])
  let held = 0
  let max = 0
  for (const { change } of changes.sort((a, b) => a.at - b.at)) {
    held += change
    max = Math.max(max, held)
  }
  return max
}
