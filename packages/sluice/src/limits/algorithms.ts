import type { Algorithm, State } from './algorithm.js'
import { concurrency } from './concurrency.js'
import { fixedWindow } from './fixed-window.js'
import { type AlgorithmName, countAlike, type Limit, sameLimit } from './limit.js'
import { slidingLog } from './sliding-log.js'
import { slidingWindow } from './sliding-window.js'
import { tokenBucket } from './token-bucket.js'

/** Every algorithm, by the name that a limit gives. Each is asked only about limits and states of its own. */
const algorithms: Record<AlgorithmName, Algorithm<Limit, State>> = {
  'token-bucket': own(tokenBucket),
  'fixed-window': own(fixedWindow),
  'sliding-window': own(slidingWindow),
  'sliding-log': own(slidingLog),
  concurrency: own(concurrency),
}

/** The algorithm that a limit names. */
export function algorithmOf(limit: Limit): Algorithm<Limit, State> {
  return algorithms[limit.algorithm]
}

/**
 * The state of a key after its limit was changed from `from` to `to`: the same fraction is used, so that a change
 * neither refills nor locks out. The state is one advanced under `from`; `now` is the time that `to` counts in.
 */
export function adapt(state: State, from: Limit, to: Limit, now: number): State {
  if (sameLimit(from, to)) return state
  const algorithm = algorithmOf(to)
  if (countAlike(from, to)) {
    // What is rescaled to a shorter period may be over already.
    return algorithm.advance(to, algorithm.rescale(from, to, state), now)
  }
  return algorithm.withUsed(to, now, algorithmOf(from).usedFraction(from, state))
}

/** Forgets which limits and states an algorithm is for; `algorithmOf` and `adapt` keep them together. */
function own<L extends Limit, S extends State>(algorithm: Algorithm<L, S>): Algorithm<Limit, State> {
  return algorithm as unknown as Algorithm<Limit, State>
}
