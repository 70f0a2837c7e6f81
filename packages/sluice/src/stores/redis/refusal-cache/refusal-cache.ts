import type { Limit } from '../../../limits/limit.js'
import type { StoreVerdict } from '../../store.js'

/** What the store said of a charge when it refused the request; it took nothing. */
export interface Remembered {
  readonly limit: Limit
  readonly cost: number
  readonly verdict: StoreVerdict
  /** When it was asked, and when the answer was here: it decided somewhere in between. */
  readonly askedAt: number
  readonly answeredAt: number
  /** Somebody asks again, and until the answer is here the others go on with this. */
  isRenewed: boolean
}

/** What is known of a key. */
interface Entry {
  readonly remembered: Remembered | undefined
  /** The last of the changes that were made to it in this process, by their number. */
  readonly changed: number
}

type Generation = Map<string, Map<string, Entry>>

/** So many keys are remembered at a time, twice; more are not remembered, which costs a call each and nothing else. */
const MAX_KEYS = 16_384

/**
 * What a store said of keys in the last moments. Times are milliseconds of a clock that only goes forward.
 *
 * What is forgotten of a key because it changed does not come back with an answer to a question from before the change.
 * Two generations follow each other, so that what is over goes at once, and nothing has to be searched for it.
 */
export class RefusalCache {
  #young: Generation = new Map()
  #old: Generation = new Map()
  #keys = 0
  #oldKeys = 0
  #bornAt = Number.NEGATIVE_INFINITY
  #changes = 0
  /** The change that made all keys forgotten. */
  #allForgotten = 0

  /** `longest`: how long anything is remembered, from when it was asked for. */
  constructor(private readonly longest: number) {}

  get isEmpty(): boolean {
    return this.#keys + this.#oldKeys === 0
  }

  /** A number that grows with every change; what is asked has the number of the last change before. */
  get changes(): number {
    return this.#changes
  }

  find(scope: string, key: string, now: number): Remembered | undefined {
    const remembered = this.#entry(scope, key)?.remembered
    return remembered !== undefined && now - remembered.askedAt < this.longest ? remembered : undefined
  }

  /** `changes`: what the number was when it was asked. */
  remember(scope: string, key: string, remembered: Remembered, changes: number): void {
    const { askedAt, answeredAt } = remembered
    if (answeredAt - askedAt >= this.longest || changes < this.#allForgotten) return
    const changed = this.#entry(scope, key)?.changed ?? 0
    if (changes < changed) return
    this.#grow(answeredAt)
    if (this.#keys < MAX_KEYS) this.#put(scope, key, { remembered, changed })
  }

  /** The key was changed, or is being. */
  forget(scope: string, key: string, now: number): void {
    this.#changes++
    this.#grow(now)
    if (this.#keys < MAX_KEYS) this.#put(scope, key, { remembered: undefined, changed: this.#changes })
    else this.forgetAll()
  }

  forgetAll(): void {
    this.#allForgotten = ++this.#changes
    this.#young = new Map()
    this.#old = new Map()
    this.#keys = 0
    this.#oldKeys = 0
  }

  #entry(scope: string, key: string): Entry | undefined {
    return this.#young.get(scope)?.get(key) ?? this.#old.get(scope)?.get(key)
  }

  #put(scope: string, key: string, entry: Entry): void {
    let keys = this.#young.get(scope)
    if (keys === undefined) {
      keys = new Map()
      this.#young.set(scope, keys)
    }
    if (!keys.has(key)) this.#keys++
    keys.set(key, entry)
  }

  /** Whatever is in the old generation when the next one comes was asked for before the longest time. */
  #grow(now: number): void {
    if (now - this.#bornAt < this.longest) return
    this.#old = this.#young
    this.#oldKeys = this.#keys
    this.#young = new Map()
    this.#keys = 0
    this.#bornAt = now
  }
}
