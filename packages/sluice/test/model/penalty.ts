import type { Penalty } from '../../src/algorithms/penalty.js'

/** Reference model of the penalties of one key. Times are milliseconds. */
export class PenaltyModel {
  /** The time at which the last penalty started, or of the last clock step. */
  #changedAt = Number.NEGATIVE_INFINITY
  #endsAt = Number.NEGATIVE_INFINITY
  #length = 0

  constructor(private readonly options: Penalty) {}

  /** After a step back, a penalty keeps its end, but does not run longer than its length. */
  setBack(now: number): void {
    if (now >= this.#changedAt) return
    this.#endsAt = Math.min(this.#endsAt, now + this.#length)
    this.#changedAt = now
  }

  left(now: number): number {
    return Math.max(0, this.#endsAt - now)
  }

  start(now: number): void {
    const { durationMs, growth, maxMs } = this.options
    const isKnown = this.#forgottenAt > now && growth > 1
    this.#length = isKnown ? Math.min(this.#length * growth, maxMs) : durationMs
    this.#changedAt = now
    this.#endsAt = now + this.#length
  }

  /** True if a penalty is forgotten, so a store may or may not have deleted it. */
  isForgotten(now: number): boolean {
    return this.#forgottenAt <= now
  }

  /** True if the key has never had a penalty. */
  get isNew(): boolean {
    return this.#length === 0
  }

  get #memory(): number {
    const { growth, maxMs } = this.options
    return growth > 1 ? maxMs : 0
  }

  get #forgottenAt(): number {
    return this.#endsAt + this.#memory
  }
}
