/** Sizes of two octaves each, up to 2^18 input tokens. */
const SIZES = 9
const REMEMBERED = 64

/**
 * Predicts when a request that is sent now begins to be answered: the 90th percentile of the last 64
 * requests of its size, of two octaves.
 */
export class BeginTimes {
  readonly #times = new Float32Array(SIZES * REMEMBERED)
  readonly #counts = new Uint32Array(SIZES)
  /** NaN if it must be computed again. */
  readonly #predicted = new Float32Array(SIZES).fill(Number.NaN)

  add(input: number, milliseconds: number): void {
    const size = sizeOf(input)
    const count = this.#counts[size] as number
    this.#times[size * REMEMBERED + (count % REMEMBERED)] = milliseconds
    this.#counts[size] = count + 1
    this.#predicted[size] = Number.NaN
  }

  /** Returns milliseconds; undefined before the first request of that size. */
  predict(input: number): number | undefined {
    const size = sizeOf(input)
    const count = Math.min(this.#counts[size] as number, REMEMBERED)
    if (count === 0) return undefined
    const known = this.#predicted[size] as number
    if (!Number.isNaN(known)) return known
    const times = this.#times.slice(size * REMEMBERED, size * REMEMBERED + count).sort()
    const predicted = times[Math.min(count - 1, Math.floor(0.9 * count))] as number
    this.#predicted[size] = predicted
    return predicted
  }
}

function sizeOf(input: number): number {
  return Math.min(SIZES - 1, Math.max(0, Math.floor(Math.log2(Math.max(1, input)) / 2)))
}
