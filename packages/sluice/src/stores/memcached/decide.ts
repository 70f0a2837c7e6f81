import { algorithmOf } from '../../algorithms/registry.js'
import type { SlidingLogState } from '../../algorithms/sliding-log.js'
import type { Charge, StoreVerdict } from '../store.js'
import { MAX_ENTRY } from './log-entries.js'
import type { WorkingState } from './working-state.js'

/** The answer to the charges of one request that lie on one key. */
export interface Outcome {
  /** Whether none of the enforced ones refuses. */
  readonly admitted: boolean
  /** The verdicts if the request is let in, in the order of the charges. */
  readonly taken: readonly StoreVerdict[]
  /** The verdicts if another key refuses the request. */
  readonly untaken: readonly StoreVerdict[]
}

/** Bytes that a value may have for something to be taken; Memcached's own limit is 1,048,576 bytes an item. */
const ROOM_TO_TAKE = 800_000

/** Bytes that a value may have at all: settlements are never refused for want of room. */
export const ROOM_TO_SETTLE = 1_000_000

/**
 * Decides on charges to one key, and takes them where they are `admitted`. A shadow charge takes what the enforced
 * ones leave.
 *
 * @throws RangeError where the state would no longer fit into Memcached; nothing is taken then.
 */
export function decide(working: WorkingState, charges: readonly Charge[], takes: boolean): Outcome {
  const taken: StoreVerdict[] = []
  const untaken: StoreVerdict[] = []
  let before = 0
  let admitted = true
  for (const place of judgingOrder(charges)) {
    const { limit, cost, enforce } = charges[place] as Charge
    const state = working.seen(limit)
    const { judge } = algorithmOf(limit)
    const verdict = judge(limit, state, cost > 0 ? cost + before : 0)
    taken[place] = verdict
    // One that fits but is not taken, because another does not: what is left is what there was.
    untaken[place] = verdict.allowed ? { ...verdict, ...judge(limit, state, 0) } : verdict
    if (verdict.allowed) before += cost
    else if (enforce !== false) admitted = false
  }
  if (takes && admitted) {
    const wanted = charges.filter(({ cost }, place) => cost > 0 && taken[place]?.allowed)
    makeRoom(working, wanted)
    for (const { limit, cost, lease = '' } of wanted) working.take(limit, cost, lease)
  }
  return { admitted, taken, untaken }
}

/** The places of the charges in the order of judging. */
function judgingOrder(charges: readonly Charge[]): readonly number[] {
  const places = [...charges.keys()]
  const isShadow = (place: number) => Number(charges[place]?.enforce === false)
  return charges.length === 1 ? places : places.sort((a, b) => isShadow(a) - isShadow(b))
}

function makeRoom(working: WorkingState, charges: readonly Charge[]): void {
  const more = charges.reduce((sum, charge) => sum + growth(working, charge), 0)
  if (more > 0 && working.size + more > ROOM_TO_TAKE) {
    throw new RangeError(
      "the state of a key would not fit into Memcached's 1 MB: a sliding-log keeps an entry a request and a " +
        'concurrency limit one a lease; use a token-bucket, or a smaller limit',
    )
  }
  working.size += more
}

/** By how many bytes a charge that is taken makes the value longer, at most. */
function growth(working: WorkingState, { limit, lease = '' }: Charge): number {
  if (limit.algorithm === 'concurrency') return Buffer.byteLength(JSON.stringify(lease)) + MAX_ENTRY
  if (limit.algorithm !== 'sliding-log') return working.keepsLog ? MAX_ENTRY : 0
  // Charges of one tick share an entry.
  const { at, times, length } = working.seen(limit) as SlidingLogState
  return times[length - 1] === at ? 0 : MAX_ENTRY
}
