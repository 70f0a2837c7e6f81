import { StringHash } from './string-hash.js'

/** What is kept of a text: two halves of its hash, and its number; 0 where the place is free. */
const LOW = 0
const HIGH = 1
const NUMBER = 2
const WIDTH = 3
const FIRST_PLACES = 2048

/**
 * Numbers of texts: a hash table with open addressing, in one array.
 *
 * Texts are known by 64 bits of a hash: that any two of half a million are taken for one has a chance of one in 100 million. A `Map` of 100,000
 * texts waits for memory five times a look, and this once, which is 1 µs in place of 0.2 where a replay has much else in the processor's caches.
 */
export class StringIndex {
  #table = new Int32Array(FIRST_PLACES * WIDTH)
  #mask = FIRST_PLACES - 1
  #count = 0
  readonly #hash = new StringHash()
  /** The hash of the text that was looked for last, and where it is or belongs. */
  #low = 0
  #high = 0
  #place = 0

  /** How many texts there are. */
  get size(): number {
    return this.#count
  }

  /** The number of a text; 0 where it has none. */
  find(text: string): number {
    const { low, high } = this.#hash.of(text)
    return this.findHash(low, high)
  }

  /** As `find`, of a text with this hash (`text-hash.ts`). */
  findHash(low: number, high: number): number {
    this.#low = low
    this.#high = high
    this.#place = this.#placeOf(low, high)
    return this.#table[this.#place + NUMBER] as number
  }

  /** Gives a number, from 1, to the text that was looked for last. */
  add(number: number): void {
    this.#put(this.#place, this.#low, this.#high, number)
    this.#count++
    if (this.#count * 2 > this.#mask) this.#rebuild(2 * (this.#mask + 1))
  }

  /** Forgets texts by their numbers. */
  forget(isForgotten: (number: number) => boolean): void {
    for (let place = NUMBER; place < this.#table.length; place += WIDTH) {
      const number = this.#table[place] as number
      if (number === 0 || !isForgotten(number)) continue
      this.#table[place] = 0
      this.#count--
    }
    // What stood behind what is gone would not be found there.
    this.#rebuild(this.#mask + 1)
  }

  /** Where a hash stands, or else where it would. */
  #placeOf(low: number, high: number): number {
    const table = this.#table
    let place = (low & this.#mask) * WIDTH
    while (table[place + NUMBER] !== 0 && (table[place + LOW] !== low || table[place + HIGH] !== high)) {
      place += WIDTH
      if (place === table.length) place = 0
    }
    return place
  }

  #put(place: number, low: number, high: number, number: number): void {
    this.#table[place + LOW] = low
    this.#table[place + HIGH] = high
    this.#table[place + NUMBER] = number
  }

  #rebuild(places: number): void {
    const before = this.#table
    this.#table = new Int32Array(places * WIDTH)
    this.#mask = places - 1
    for (let place = 0; place < before.length; place += WIDTH) {
      const number = before[place + NUMBER] as number
      if (number === 0) continue
      const [low, high] = [before[place + LOW] as number, before[place + HIGH] as number]
      this.#put(this.#placeOf(low, high), low, high, number)
    }
  }
}
