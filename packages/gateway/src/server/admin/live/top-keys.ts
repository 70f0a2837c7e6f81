import type { KeyUse } from './key-usage.js'

/** Keys that are remembered of a rule: more than are shown, so that one that fades has a successor. */
const KEPT = 32

/** The keys of one rule that are nearest to their limit, in bounded memory. Use fades as time goes by: who shows it asks the store. */
export class TopKeys {
  readonly #uses: KeyUse[] = []

  get all(): readonly KeyUse[] {
    return this.#uses
  }

  /** @param now in milliseconds of a clock that is never set back */
  offer(use: KeyUse, now: number): void {
    if (use.isNear) return
    const place = this.#placeFor(use, now)
    if (place === undefined) return
    const before = this.#uses[place]
    if (before !== undefined) before.isNear = false
    use.isNear = true
    this.#uses[place] = use
  }

  forget(use: KeyUse): void {
    const place = this.#uses.indexOf(use)
    if (place >= 0) this.#uses.splice(place, 1)
    use.isNear = false
  }

  /** The fullest first. */
  read(most: number, now: number): readonly KeyUse[] {
    return this.#uses.toSorted((a, b) => b.usedAt(now) - a.usedAt(now)).slice(0, most)
  }

  /** The place of the emptiest, if that is emptier; undefined where there is none for it. */
  #placeFor(use: KeyUse, now: number): number | undefined {
    if (this.#uses.length < KEPT) return this.#uses.length
    let least = use.usedAt(now)
    let place: number | undefined
    for (let index = 0; index < KEPT; index++) {
      const used = (this.#uses[index] as KeyUse).usedAt(now)
      if (used >= least) continue
      least = used
      place = index
    }
    return place
  }
}
