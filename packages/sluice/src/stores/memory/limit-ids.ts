import { sameLimit, type TokenBucketLimit } from '../../limits/limit.js'

/** The number of no limit. */
export const NO_NUMBER = 255

/** Numbers limits, so that a byte says which one a state is counted by. Those that no state is counted by any more are forgotten. */
export class LimitIds {
  readonly #limits: (TokenBucketLimit | undefined)[] = []
  readonly #uses: number[] = []
  #latest = 0

  /** The limit of a number that was claimed and not released. */
  limitOf(number: number): TokenBucketLimit {
    return this.#limits[number] as TokenBucketLimit
  }

  /** The number of a limit, for one more state; `NO_NUMBER` where 255 others are in use. */
  claim(limit: TokenBucketLimit): number {
    const number = this.#find(limit)
    if (number === NO_NUMBER) return number
    if (this.#limits[number] === undefined) {
      this.#limits[number] = limit
      this.#uses[number] = 0
    }
    this.#uses[number] = (this.#uses[number] as number) + 1
    this.#latest = number
    return number
  }

  /** One state fewer is counted by a limit. */
  release(number: number): void {
    if (number === NO_NUMBER) return
    this.#uses[number] = (this.#uses[number] as number) - 1
    if (this.#uses[number] === 0) this.#limits[number] = undefined
  }

  #find(limit: TokenBucketLimit): number {
    const latest = this.#limits[this.#latest]
    if (latest !== undefined && sameLimit(latest, limit)) return this.#latest
    for (let number = 0; number < this.#limits.length; number++) {
      const known = this.#limits[number]
      if (known !== undefined && sameLimit(known, limit)) return number
    }
    const free = this.#limits.indexOf(undefined)
    return free === -1 ? this.#limits.length : free
  }
}
