import type { KeyUses } from './key-store.js'

/** Maximum number of keys whose use is noted between two flushes. */
const MAX_NOTED = 100_000

/** Notes in which minute each key was last used. It costs a request one look into a map. */
export class KeyUse {
  #minute = 0
  /** The keys that were already noted in this minute. */
  readonly #seen = new Set<string>()
  #uses = new Map<string, number>()

  note(digest: string, now: number = Date.now()): void {
    const minute = Math.floor(now / 60_000)
    if (minute !== this.#minute) {
      this.#minute = minute
      this.#seen.clear()
    }
    if (this.#seen.has(digest) || this.#seen.size >= MAX_NOTED) return
    this.#seen.add(digest)
    this.#add(digest, minute)
  }

  /** Adds the uses that another process noted, or that could not be stored. */
  addAll(uses: KeyUses): void {
    for (const [digest, minute] of uses) this.#add(digest, minute)
  }

  /** Returns the uses since the last call. */
  drain(): KeyUses {
    const uses = this.#uses
    this.#uses = new Map()
    return uses
  }

  #add(digest: string, minute: number): void {
    const noted = this.#uses.get(digest)
    if (noted === undefined && this.#uses.size >= MAX_NOTED) return
    if (noted === undefined || noted < minute) this.#uses.set(digest, minute)
  }
}
