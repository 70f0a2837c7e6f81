/** Counts for one time interval. */
export interface TimeBucket {
  requests: number
  allowed: number
  refused: number
  falselyRefused: number
  /** Input and output tokens of admitted requests. */
  tokens: number
  /** Refusals by the number of the rule that refused. */
  by: number[]
}

/**
 * Counts over time, in a bounded number of buckets of equal width. When more are needed, the width
 * doubles. Buckets begin at multiples of their width since the epoch.
 */
export class Timeline {
  #width: number
  /** Number of the first bucket: its start time divided by the width. */
  #first: number | undefined
  #buckets: (TimeBucket | undefined)[] = []

  /**
   * @param width in milliseconds
   * @param origin milliseconds since the epoch at time 0 of the replay
   */
  constructor(
    width: number,
    private readonly maxBuckets: number,
    private readonly origin: number,
  ) {
    this.#width = width
  }

  /** Width of a bucket in milliseconds. */
  get width(): number {
    return this.#width
  }

  /** Returns the bucket of a time, which must not be before the first bucket. */
  at(time: number): TimeBucket {
    for (;;) {
      const number = Math.floor((this.origin + time) / this.#width)
      this.#first ??= number
      const index = Math.max(0, number - this.#first)
      if (index < this.maxBuckets) {
        const bucket = this.#buckets[index] ?? emptyBucket()
        this.#buckets[index] = bucket
        return bucket
      }
      this.#double(this.#first)
    }
  }

  /**
   * Yields the buckets from the first to the last with a request, each with its start in epoch
   * milliseconds.
   */
  *all(): Generator<{ readonly at: number; readonly bucket: TimeBucket }> {
    const first = this.#first ?? 0
    for (const [index, bucket] of this.#buckets.entries())
      yield { at: (first + index) * this.#width, bucket: bucket ?? emptyBucket() }
  }

  #double(first: number): void {
    const doubled: (TimeBucket | undefined)[] = []
    const newFirst = Math.floor(first / 2)
    for (const [index, bucket] of this.#buckets.entries()) {
      const newIndex = Math.floor((first + index) / 2) - newFirst
      doubled[newIndex] = mergeBuckets(doubled[newIndex], bucket)
    }
    this.#buckets = doubled
    this.#first = newFirst
    this.#width *= 2
  }
}

function emptyBucket(): TimeBucket {
  return { requests: 0, allowed: 0, refused: 0, falselyRefused: 0, tokens: 0, by: [] }
}

function mergeBuckets(one: TimeBucket | undefined, other: TimeBucket | undefined): TimeBucket | undefined {
  if (one === undefined || other === undefined) return one ?? other
  const rules = Math.max(one.by.length, other.by.length)
  return {
    requests: one.requests + other.requests,
    allowed: one.allowed + other.allowed,
    refused: one.refused + other.refused,
    falselyRefused: one.falselyRefused + other.falselyRefused,
    tokens: one.tokens + other.tokens,
    by: Array.from({ length: rules }, (_, index) => (one.by[index] ?? 0) + (other.by[index] ?? 0)),
  }
}
