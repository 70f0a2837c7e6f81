import { type Penalty, penalizedVerdict } from '../../algorithms/penalty.js'
import { algorithmOf } from '../../algorithms/registry.js'
import type { SlidingLogState } from '../../algorithms/sliding-log.js'
import { isNewBucket } from '../../algorithms/token-bucket.js'
import { allEnforcedFit, judgingOrder } from '../enforcement.js'
import { type Charge, type StoreVerdict, startsPenalty } from '../store.js'
import { MAX_ENTRY_LENGTH } from './log-entries.js'
import type { WorkingState } from './working-state.js'

/**
 * The changes of a decision: none, the start of penalties if charges do not fit, or in addition the
 * take of an admitted request.
 */
export type DecideMode = 'peek' | 'probe' | 'take'

/** The outcome of a request's charges to one key. */
export interface KeyOutcome {
  /** True if every enforced charge fits. */
  readonly admitted: boolean
  /** The verdicts if the request is admitted, in the order of the charges. */
  readonly taken: readonly StoreVerdict[]
  /** The verdicts if the request is refused. */
  readonly untaken: readonly StoreVerdict[]
  /** True if the request meets a bucket that its key does not have yet, and takes nothing from it. */
  readonly hasNewBucket: boolean
}

/**
 * Maximum size of a value after a take, in bytes. Memcached itself allows items of 1,048,576 bytes.
 */
const MAX_BYTES_TO_TAKE = 800_000

/**
 * Maximum size of a value after a settlement, in bytes. It is larger than after a take, so that
 * settlements still fit.
 */
export const MAX_BYTES_TO_SETTLE = 1_000_000

/**
 * Decides the charges to one key. Enforced charges take precedence over shadow charges.
 *
 * @throws RangeError if the state would no longer fit into Memcached. Nothing is taken.
 */
export function decide(working: WorkingState, charges: readonly Charge[], mode: DecideMode): KeyOutcome {
  const taken: StoreVerdict[] = []
  const untaken: StoreVerdict[] = []
  const starting: number[] = []
  let before = 0
  for (const index of judgingOrder(charges)) {
    const charge = charges[index] as Charge
    const { limit, cost, penalty } = charge
    const state = working.stateFor(limit)
    const { judge } = algorithmOf(limit)
    const verdict = judge(limit, state, cost > 0 ? cost + before : 0)
    taken[index] = verdict
    // In a refused request, a charge that fits is not taken, and its verdict reports the unchanged
    // state.
    untaken[index] = verdict.allowed ? { ...verdict, ...judge(limit, state, 0) } : verdict
    const left = penalty === undefined ? 0 : working.penaltyLeft
    if (left > 0) penalize(index, left)
    else if (!verdict.allowed && startsPenalty(charge)) starting.push(index)
    if (taken[index].allowed) before += cost
  }
  const admitted = allEnforcedFit(charges, taken)
  if (mode === 'take' && admitted) {
    const fitting = charges.filter(({ cost }, index) => cost > 0 && taken[index]?.allowed)
    reserveBytes(working, fitting)
    for (const { limit, cost, lease = '' } of fitting) working.take(limit, cost, lease)
  }
  if (mode !== 'peek')
    for (const index of starting) penalize(index, working.startPenalty(charges[index]?.penalty as Penalty))
  const hasNewBucket = charges.some((charge) => startsBucket(working, charge))
  if (mode === 'take' && hasNewBucket) startBuckets(working, charges)
  return { admitted, taken, untaken, hasNewBucket }

  function penalize(index: number, left: number): void {
    const verdict = penalizedVerdict(untaken[index] as StoreVerdict, left, charges[index]?.cost as number)
    taken[index] = verdict
    untaken[index] = verdict
  }
}

/**
 * Stores the buckets of new keys from which nothing was taken, because they fill from the first
 * request on.
 */
export function startBuckets(working: WorkingState, charges: readonly Charge[]): void {
  for (const charge of charges) if (startsBucket(working, charge)) working.take(charge.limit, 0, '')
}

function startsBucket(working: WorkingState, { limit, cost }: Charge): boolean {
  return cost > 0 && limit.algorithm === 'token-bucket' && isNewBucket(working.stateFor(limit))
}

/** @throws RangeError if the value would exceed `MAX_BYTES_TO_TAKE`. */
function reserveBytes(working: WorkingState, charges: readonly Charge[]): void {
  const more = charges.reduce((sum, charge) => sum + growth(working, charge), 0)
  if (more > 0 && working.size + more > MAX_BYTES_TO_TAKE) {
    throw new RangeError(
      "the state of a key would exceed Memcached's maximum of 1 MB: a sliding-log limit stores one entry per " +
        'request, and a concurrency limit one per lease; use the algorithm token-bucket or a smaller limit',
    )
  }
  working.size += more
}

/** Returns an upper bound on the number of bytes that a charge adds to the value. */
function growth(working: WorkingState, { limit, lease = '' }: Charge): number {
  if (limit.algorithm === 'concurrency') return Buffer.byteLength(JSON.stringify(lease)) + MAX_ENTRY_LENGTH
  if (limit.algorithm !== 'sliding-log') return working.hasLog ? MAX_ENTRY_LENGTH : 0
  // Charges in the same tick share an entry.
  const { at, times, length } = working.stateFor(limit) as SlidingLogState
  return times[length - 1] === at ? 0 : MAX_ENTRY_LENGTH
}
