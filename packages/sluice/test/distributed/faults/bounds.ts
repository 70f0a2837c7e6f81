import { expect } from 'vitest'
import { shareOf } from '../../../src/stores/resilience/peer-share.js'
import { type Tightest, tightestInterval, tightestPeriod } from '../checker.js'
import { BUCKET, type GroupReport, type LateAdmission, LOG, type LoggedAdmission, SLOTS } from './load.js'

/** What the servers did that their documentation allows for, and a bound has to. */
export interface Allowance {
  /** How often they forgot what was used. */
  readonly losses?: number
  /** How far apart the clocks are that the store decides by, in milliseconds. */
  readonly clocks?: number
}

/** For what doubles of epoch milliseconds leave over, in units. */
const ROUNDING = 1e-6

/** What the processes of one policy let in, against what is promised. */
export function expectWithinBounds({ policy, peers, reports }: GroupReport, allowance: Allowance): void {
  const all = reports.flatMap(({ log }) => log)
  const by = (source: LoggedAdmission['source']) => all.filter((admission) => admission.source === source)
  expect(new Set(all.map(({ source }) => source))).toEqual(new Set(['store', ...sourcesOf(policy, by)]))
  const givenBack = reports.flatMap((report) => report.givenBack)
  expectStoreBound(by('store'), givenBack, allowance)
  if (policy === 'local') expectLocalBound(by('local'), peers)
}

/** By whom else than the store something may be let in, where it was. */
function sourcesOf(policy: GroupReport['policy'], by: (source: 'local' | 'open') => readonly unknown[]) {
  return policy === 'closed' || by(policy).length === 0 ? [] : [policy]
}

/**
 * `B + r·t` in any interval, the limit in any trailing period, the slots at any time; once more for each loss of the state.
 *
 * The bound of a bucket is one of all that it let in, less what it is given back within the same interval. What stays of that in the end is not
 * bound as tightly: of two charges that are given back in turn the second may give back more than is left of it, so that others are let in for it (see
 * `tokenBucket`). A log and slots give back what was taken, and nothing else.
 */
function expectStoreBound(
  log: readonly LoggedAdmission[],
  givenBack: readonly LateAdmission[],
  { losses = 0, clocks = 0 }: Allowance,
): void {
  const times = 1 + losses
  const rate = BUCKET.limit / BUCKET.period
  const [bucket, entries, slots] = byKind(log)
  expectNoExcess(
    tightestInterval([...bucket, ...givenBack], BUCKET.burst * times + rate * clocks, rate, givenBack),
  )
  expectNoExcess(tightestPeriod(entries, LOG.limit * times, LOG.period - clocks))
  expect(mostAtOnce(slots)).toBeLessThanOrEqual(SLOTS * times)
}

/** What `shareOf` states of so many processes that decide by themselves. */
function expectLocalBound(log: readonly LoggedAdmission[], peers: number): void {
  const [bucket, entries, slots] = byKind(log)
  const share = shareOf(BUCKET, peers)
  const burst = share.algorithm === 'token-bucket' ? share.burst * peers : Number.NaN
  expectNoExcess(tightestInterval(bucket, burst, BUCKET.limit / BUCKET.period))
  expectNoExcess(tightestPeriod(entries, shareOf(LOG, peers).limit * peers, LOG.period))
  expect(mostAtOnce(slots)).toBeLessThanOrEqual(SLOTS)
}

function expectNoExcess(tightest: Tightest | undefined): void {
  expect(tightest?.excess ?? 0).toBeLessThan(ROUNDING)
}

type Kinds = readonly [bucket: Costed[], entries: Costed[], slots: Costed[]]
type Costed = LoggedAdmission & { readonly cost: 1 }

function byKind(log: readonly LoggedAdmission[]): Kinds {
  const kinds: Kinds = [[], [], []]
  for (const admission of log) kinds[admission.kind as 0 | 1 | 2].push({ ...admission, cost: 1 })
  return kinds
}

function mostAtOnce(log: readonly LoggedAdmission[]): number {
  const turns = log.flatMap(({ heldFrom, heldUntil }) => [
    { at: heldFrom, change: 1 },
    { at: heldUntil, change: -1 },
  ])
  let held = 0
  let most = 0
  for (const { change } of turns.sort((a, b) => a.at - b.at)) {
    held += change
    most = Math.max(most, held)
  }
  return most
}
