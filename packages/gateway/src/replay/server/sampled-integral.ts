const MAX_SAMPLES = 4096

interface Sample {
  readonly at: number
  readonly value: number
}

/**
 * Samples of a number that grows with time, such as the time spent waiting. When there are too
 * many, every second one is dropped. The first and the latest are kept.
 */
export class SampledIntegral {
  #samples: Sample[] = []
  #latest: Sample = { at: 0, value: 0 }
  #intervalMs = 10

  /** Notes the value at a time. Times must not decrease. */
  note(at: number, value: number): void {
    this.#latest = { at, value }
    const last = this.#samples.at(-1)
    if (last !== undefined && at < last.at + this.#intervalMs) return
    this.#samples.push(this.#latest)
    if (this.#samples.length <= MAX_SAMPLES) return
    this.#samples = this.#samples.filter((_, index) => index % 2 === 0)
    this.#intervalMs *= 2
  }

  /** Returns the value at a time, interpolated between samples. */
  valueAt(at: number): number {
    if (at >= this.#latest.at) return this.#latest.value
    const index = this.#samples.findIndex((sample) => sample.at > at)
    const next = this.#samples[index] ?? this.#latest
    const previous = this.#samples.at(index - 1)
    if (index === 0 || previous === undefined) return next.value
    return previous.value + ((next.value - previous.value) * (at - previous.at)) / (next.at - previous.at)
  }
}
