import type { AlgorithmName, Limit } from '../limits/limit.js'
import type { Algorithm, State } from './algorithm.js'
import { concurrency } from './concurrency.js'
import { fixedWindow } from './fixed-window.js'
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

/** Forgets which limits and states an algorithm is for; `algorithmOf` keeps them together. */
function own<L extends Limit, S extends State>(algorithm: Algorithm<L, S>): Algorithm<Limit, State> {
  return algorithm as unknown as Algorithm<Limit, State>
}
