import type { Limit } from '../../../src/limits/limit.js'
import { memoryStore } from '../../../src/stores/memory/memory-store.js'
import { withFailurePolicy } from '../../../src/stores/resilience/failure-policy.js'
import type { Store, StoreVerdict } from '../../../src/stores/store.js'
import { type ManualClock, manualClock } from '../../../src/time/clock.js'

/** Returns a synchronous store that can fail, so that a run needs no timers. */
function unreliableStore(inner: Store, isUp: () => boolean): Store {
  const available = () => {
    if (!isUp()) throw new Error('connection refused')
    return inner
  }
  return {
    take: (charges) => available().take(charges),
    peek: (charges) => available().peek(charges),
    settle: (settlements) => available().settle(settlements),
    reset: (scope, key) => available().reset(scope, key),
    close: () => {},
  }
}

export interface Admission {
  readonly at: number
  readonly cost: number
  readonly local: boolean
}

interface Step {
  readonly wait: number
  readonly peer: number
  readonly cost: number
  /** Disconnects or reconnects this peer. */
  readonly flip: boolean
}

interface Run {
  readonly limit: Limit
  readonly peers: number
  readonly steps: readonly Step[]
  readonly connected: boolean
}

/** Runs requests on `peers` failure policies with one store, and returns the admissions. */
export function admissions({ limit, peers, steps, connected }: Run): Admission[] {
  const clock: ManualClock = manualClock(1_000_000)
  const shared = memoryStore({ clock })
  const up = Array.from({ length: peers }, () => connected)
  const stores = up.map((_, peer) =>
    withFailurePolicy(
      unreliableStore(shared, () => up[peer] === true),
      { peers, clock, failures: 2, random: () => 0 },
    ),
  )
  const admitted: Admission[] = []
  steps.forEach(({ wait, peer: number, cost, flip }, index) => {
    clock.advance(wait)
    const peer = number % peers
    if (flip && connected) up[peer] = !up[peer]
    const lease = limit.algorithm === 'concurrency' ? `request ${index}` : undefined
    const charge = { scope: 'requests', key: 'ann', limit, cost, lease }
    const [verdict] = (stores[peer] as Store).take([charge]) as StoreVerdict[]
    if (verdict?.allowed) admitted.push({ at: clock.now(), cost, local: verdict.degraded === 'local' })
  })
  return admitted
}

/**
 * Returns the largest excess over the bound in any interval. `bound` receives the interval's
 * admissions.
 */
export function excess(
  admitted: readonly Admission[],
  bound: (length: number, within: readonly Admission[]) => number,
) {
  let worst = Number.NEGATIVE_INFINITY
  for (let first = 0; first < admitted.length; first++) {
    let sum = 0
    for (let last = first; last < admitted.length; last++) {
      sum += admitted[last]?.cost ?? 0
      const within = admitted.slice(first, last + 1)
      const length = (admitted[last]?.at ?? 0) - (admitted[first]?.at ?? 0)
      worst = Math.max(worst, sum - bound(length, within) * (1 + 1e-9))
    }
  }
  return worst
}
