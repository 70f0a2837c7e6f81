import { sameLimit, type TokenBucketLimit } from '../../limits/limit.js'

/** Reserved id that belongs to no limit. */
export const NO_ID = 255

/**
 * Assigns ids to limits, so that one byte identifies the limit of a state. Ids are
 * reference-counted and reused.
 */
export class LimitIds {
  readonly #limits: (TokenBucketLimit | undefined)[] = []
  readonly #references: number[] = []
  #latest = 0

  /** Returns the limit of an id in use. */
  limitOf(id: number): TokenBucketLimit {
    return this.#limits[id] as TokenBucketLimit
  }

  /**
   * Returns the id of a limit and adds a reference. Returns `NO_ID` if 255 other limits are in use.
   */
  claim(limit: TokenBucketLimit): number {
    const id = this.#find(limit)
    if (id === NO_ID) return id
    if (this.#limits[id] === undefined) {
      this.#limits[id] = limit
      this.#references[id] = 0
    }
    this.#references[id] = (this.#references[id] as number) + 1
    this.#latest = id
    return id
  }

  /** Removes a reference. */
  release(id: number): void {
    if (id === NO_ID) return
    this.#references[id] = (this.#references[id] as number) - 1
    if (this.#references[id] === 0) this.#limits[id] = undefined
  }

  #find(limit: TokenBucketLimit): number {
    const latest = this.#limits[this.#latest]
    if (latest !== undefined && sameLimit(latest, limit)) return this.#latest
    for (let id = 0; id < this.#limits.length; id++) {
      const known = this.#limits[id]
      if (known !== undefined && sameLimit(known, limit)) return id
    }
    const free = this.#limits.indexOf(undefined)
    return free === -1 ? this.#limits.length : free
  }
}
