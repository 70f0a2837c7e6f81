/** What happened in one stretch of time. */
export interface TimeBucket {
  requests: number
  allowed: number
  refused: number
  falselyRefused: number
  /** Input and output tokens of what was let in. */
  tokens: number
  /** Refusals by the index of the rule that refused. */
  by: number[]
}

/**
 * Counts by the time, in no more than so many stretches of equal length: where there would be more, each becomes twice as long.
 * Stretches begin at whole multiples of their length since the epoch.
 */
export class Timeline {
  #width: number
  /** The number of the first stretch: its beginning by their length. */
  #first: number | undefined
  #stretches: (TimeBucket | undefined)[] = []

  /**
   * @param width in milliseconds
   * @param origin milliseconds since the epoch at which the time is 0
   */
  constructor(
    width: number,
    private readonly most: number,
    private readonly origin: number,
  ) {
    this.#width = width
  }

  /** Milliseconds of a stretch. */
  get width(): number {
    return this.#width
  }

  /** The stretch of a time, which is no earlier than the first. */
  at(time: number): TimeBucket {
    for (;;) {
      const number = Math.floor((this.origin + time) / this.#width)
      this.#first ??= number
      const index = Math.max(0, number - this.#first)
      if (index < this.most) {
        const stretch = this.#stretches[index] ?? emptyStretch()
        this.#stretches[index] = stretch
        return stretch
      }
      this.#double(this.#first)
    }
  }

  /** From the first to the last in which something happened, with the time since the epoch at which each begins. */
  *all(): Generator<{ readonly at: number; readonly stretch: TimeBucket }> {
    const first = this.#first ?? 0
    for (const [index, stretch] of this.#stretches.entries())
      yield { at: (first + index) * this.#width, stretch: stretch ?? emptyStretch() }
  }

  #double(first: number): void {
    const doubled: (TimeBucket | undefined)[] = []
    const newFirst = Math.floor(first / 2)
    for (const [index, stretch] of this.#stretches.entries()) {
      const place = Math.floor((first + index) / 2) - newFirst
      doubled[place] = together(doubled[place], stretch)
    }
    this.#stretches = doubled
    this.#first = newFirst
    this.#width *= 2
  }
}

function emptyStretch(): TimeBucket {
  return { requests: 0, allowed: 0, refused: 0, falselyRefused: 0, tokens: 0, by: [] }
}

function together(one: TimeBucket | undefined, other: TimeBucket | undefined): TimeBucket | undefined {
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
