/** Half octaves up to 2^18 input tokens. */
const BUCKETS = 36
/** Values of which a low one is taken. */
const SAMPLES = 20
/** Index of the low value: the tenth percentile. */
const LOW_INDEX = 1
/** Low values that are remembered. A bucket forgets a value after 300 requests. */
const LOWS = 15

/**
 * Learns how long a server takes to begin a response when nothing is queued, by the size of the
 * input. Per half octave it is the least of the last 15 low values, each the tenth percentile of 20
 * measurements: requests that met an empty server are among them sooner or later, and a server that
 * became slower is known after 300 requests. Uses 6 kB.
 */
export class UnqueuedTimes {
  readonly #samples = new Float32Array(BUCKETS * SAMPLES)
  readonly #sampleCounts = new Uint8Array(BUCKETS)
  readonly #lows = new Float32Array(BUCKETS * LOWS)
  /** Low values that were ever written, modulo `LOWS` the place of the next one. */
  readonly #lowCounts = new Uint32Array(BUCKETS)
  /** The learned time of each bucket in milliseconds; NaN if unknown. */
  readonly #times = new Float32Array(BUCKETS).fill(Number.NaN)

  /**
   * @param input input tokens that the server had to read
   * @param milliseconds time from sending the request to its first output, without that output's own step
   */
  add(input: number, milliseconds: number): void {
    const bucket = bucketOf(input)
    const first = bucket * SAMPLES
    const samples = this.#samples.subarray(first, first + SAMPLES)
    const count = (this.#sampleCounts[bucket] as number) + 1
    samples[count - 1] = milliseconds
    this.#sampleCounts[bucket] = count % SAMPLES
    if (count === SAMPLES) this.#addLow(bucket, samples.sort()[LOW_INDEX] as number)
    else if (this.#lowCounts[bucket] === 0)
      // Better than nothing until the first low value is known.
      this.#times[bucket] = Math.min(milliseconds, this.#knownTime(bucket))
  }

  /**
   * Returns the milliseconds after which a response begins if nothing is queued. For a size that was not
   * seen, the time of the nearest size is scaled. 0 if nothing is known.
   */
  of(input: number): number {
    const bucket = bucketOf(input)
    for (let distance = 0; distance < BUCKETS; distance++)
      for (const near of [bucket - distance, bucket + distance]) {
        const time = this.#times[near]
        if (time === undefined || Number.isNaN(time)) continue
        return distance === 0 ? time : (time * Math.max(1, input)) / middleOf(near)
      }
    return 0
  }

  #addLow(bucket: number, low: number): void {
    const first = bucket * LOWS
    const count = this.#lowCounts[bucket] as number
    this.#lows[first + (count % LOWS)] = low
    this.#lowCounts[bucket] = count + 1
    this.#times[bucket] = Math.min(...this.#lows.subarray(first, first + Math.min(count + 1, LOWS)))
  }

  #knownTime(bucket: number): number {
    const time = this.#times[bucket] as number
    return Number.isNaN(time) ? Number.POSITIVE_INFINITY : time
  }
}

function bucketOf(input: number): number {
  return Math.min(BUCKETS - 1, Math.max(0, Math.floor(2 * Math.log2(Math.max(1, input)))))
}

function middleOf(bucket: number): number {
  return 2 ** ((bucket + 0.5) / 2)
}
