import { randomBytes } from 'node:crypto'

/** The key and the clock that the workers of a gateway share, so that their records can be merged. */
export interface RecordOrigin {
  /** The key of the digests of clients and addresses. */
  readonly digestKey: Uint8Array
  /** Epoch milliseconds at the zero of the system's monotonic clock. */
  readonly clockOrigin: number
}

/** Creates a new key, and the clock of this process, which ignores changes of the system clock. */
export function createRecordOrigin(): RecordOrigin {
  return { digestKey: randomBytes(32), clockOrigin: performance.timeOrigin - processStart() }
}

/** Returns the epoch milliseconds at which `performance.now()` of this process was 0. */
export function timeOriginOf({ clockOrigin }: RecordOrigin): number {
  return clockOrigin + processStart()
}

/** Number of times that the clocks are compared. */
const COMPARISONS = 10

let start: number | undefined

/**
 * Returns the time of the monotonic clock, which all processes share, at which `performance.now()`
 * of this process was 0. A pause between the two readings makes it too early, so the latest of
 * several comparisons is the best.
 */
function processStart(): number {
  if (start !== undefined) return start
  start = Number.NEGATIVE_INFINITY
  for (let comparison = 0; comparison < COMPARISONS; comparison++) {
    const monotonic = Number(process.hrtime.bigint()) / 1e6
    start = Math.max(start, monotonic - performance.now())
  }
  return start
}
