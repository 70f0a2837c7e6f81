import type { AlgorithmName, Limit } from '../limits/limit.js'
import type { Algorithm, State } from './algorithm.js'
import { concurrency } from './concurrency.js'
import { fixedWindow } from './fixed-window.js'
import { slidingLog } from './sliding-log.js'
import { slidingWindow } from './sliding-window.js'
import { tokenBucket } from './token-bucket.js'

const ALGORITHMS: Record<AlgorithmName, Algorithm<Limit, State>> = {
  'token-bucket': erase(tokenBucket),
  'fixed-window': erase(fixedWindow),
  'sliding-window': erase(slidingWindow),
  'sliding-log': erase(slidingLog),
  concurrency: erase(concurrency),
}

/** Returns the algorithm of a limit. Use it only with this limit and its states. */
export function algorithmOf(limit: Limit): Algorithm<Limit, State> {
  return ALGORITHMS[limit.algorithm]
}

/** Erases the types of an algorithm's limits and states; `algorithmOf` pairs them correctly. */
function erase<L extends Limit, S extends State>(algorithm: Algorithm<L, S>): Algorithm<Limit, State> {
  return algorithm as unknown as Algorithm<Limit, State>
}
