import type { MaybePromise } from 'sluice'

/** The output tokens that are left when more is taken, so that a stream never waits for a store. */
const LOOKAHEAD = 32
/** The fewest output tokens that are taken at a time. */
const MIN_CHUNK = 64

/** How a reservation takes more. */
export interface GrowthOptions {
  /** The output tokens that are reserved at first. */
  readonly reserved: number
  /** The output tokens that the request can take at most; Infinity if it states no maximum. */
  readonly maximum: number
  /** Takes the output tokens between two counts. @returns false if a limit cannot hold them now */
  take(from: number, to: number): MaybePromise<boolean>
  /** Called once, when everything reserved is used up and a limit cannot hold more. */
  onExhausted(): void
}

/**
 * The reservation of a stream, which grows in chunks of an eighth, and of at least 64 tokens. It
 * takes a chunk as soon as fewer than 32 tokens are left, and does not wait for it.
 */
export class GrowingReservation {
  readonly #options: GrowthOptions
  readonly #chunk: number
  #reserved: number
  #written = 0
  /** The output from which more is taken. */
  #nextAt = 0
  #isTaking = false
  #isExhausted = false

  constructor(options: GrowthOptions) {
    this.#options = options
    this.#reserved = options.reserved
    this.#chunk = Math.max(MIN_CHUNK, Math.ceil(options.reserved / 8))
    this.#schedule()
  }

  /** The output tokens at which `wrote` next takes more; Infinity if it never does. */
  get nextAt(): number {
    return this.#nextAt
  }

  /** True if everything reserved was used up while a limit could not hold more. */
  get isExhausted(): boolean {
    return this.#isExhausted
  }

  /** Reports the output so far. @param output whole number of tokens */
  wrote(output: number): void {
    if (output > this.#written) this.#written = output
    if (this.#written >= this.#nextAt && !this.#isTaking) this.#grow()
  }

  #grow(): void {
    const from = this.#reserved
    const to = Math.min(Math.max(from, this.#written) + this.#chunk, this.#options.maximum)
    this.#isTaking = true
    const onTaken = (isTaken: boolean) => this.#onTaken(isTaken, to)
    let taken: MaybePromise<boolean>
    try {
      taken = this.#options.take(from, to)
    } catch {
      taken = false
    }
    if (taken instanceof Promise) taken.then(onTaken, () => onTaken(false))
    else onTaken(taken)
  }

  #onTaken(isTaken: boolean, to: number): void {
    this.#isTaking = false
    if (isTaken) {
      this.#reserved = to
      this.#schedule()
      // The stream went on while the store decided.
      if (this.#written >= this.#nextAt) this.#grow()
      return
    }
    // The limit may have room again after the next report.
    this.#nextAt = this.#written + LOOKAHEAD
    if (this.#written < this.#reserved || this.#isExhausted) return
    this.#isExhausted = true
    this.#options.onExhausted()
  }

  #schedule(): void {
    const isWhole = this.#reserved >= this.#options.maximum
    this.#nextAt = isWhole ? Number.POSITIVE_INFINITY : this.#reserved - LOOKAHEAD
  }
}
