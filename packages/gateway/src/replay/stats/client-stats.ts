import { detachString } from '../columns/detach-string.js'
import { SenderColumn } from '../columns/sender-column.js'
import { SlotColumns } from '../columns/slot-columns.js'
import { UNKNOWN } from '../trace/sender-ids.js'
import { LOCKOUT_NUMBERS, Lockouts } from './lockouts.js'
import type { Told } from './stats-events.js'

/** Clients that are told apart; those beyond are counted together. */
export const MAX_CLIENTS = 250_000

/** The place of those that are counted together. */
export const OTHERS = 0

/** What is counted of a client. */
const REQUESTS = 0
const ALLOWED = 1
const REFUSED = 2
const FALSELY_REFUSED = 3
const TOKENS = 4
const NUMBERS = 5

/** What one client met. */
export interface ClientCounts {
  /** All that it sent. */
  requests: number
  allowed: number
  refused: number
  falselyRefused: number
  /** Input and output of what was let in. */
  tokens: number
}

/** What each client met. Clients have places, in the order in which they were first seen. */
export class ClientTallies {
  // As objects, 100,000 clients would be the garbage collector's to go through again and again.
  readonly #numbers = new SlotColumns(NUMBERS + LOCKOUT_NUMBERS)
  readonly lockouts = new Lockouts(this.#numbers, NUMBERS)
  readonly #names: string[] = ['(all other clients)']
  readonly #tiers: (string | undefined)[] = [undefined]
  readonly #places = new SenderColumn()
  readonly #senders: number[] = [UNKNOWN]

  /** Counts a request. @returns the place of its client */
  count(request: Pick<Told, 'sender' | 'name' | 'tier'>): number {
    const { sender, name, tier } = request
    const place = this.#places.get(sender) || (name === undefined ? OTHERS : this.#begin(sender, name))
    this.#numbers.add(place, REQUESTS, 1)
    if (tier !== undefined && place !== OTHERS) this.#tiers[place] = tier
    return place
  }

  letIn(place: number, now: number, tokens: number): void {
    this.#numbers.add(place, ALLOWED, 1)
    this.#numbers.add(place, TOKENS, tokens)
    this.lockouts.letIn(place, now)
  }

  /** @param rule the place of the one that refused */
  refuse(place: number, now: number, rule: number, falsely: boolean): void {
    this.#numbers.add(place, REFUSED, 1)
    if (falsely) this.#numbers.add(place, FALSELY_REFUSED, 1)
    this.lockouts.refuse(place, now, rule)
  }

  /** How many were told apart: they have the places from 1 to this. */
  get size(): number {
    return this.#names.length - 1
  }

  name(place: number): string {
    return this.#names[place] as string
  }

  /** The last that was recorded. */
  tier(place: number): string | undefined {
    return this.#tiers[place]
  }

  requests(place: number): number {
    return this.#numbers.get(place, REQUESTS)
  }

  refused(place: number): number {
    return this.#numbers.get(place, REFUSED)
  }

  counts(place: number): ClientCounts {
    const numbers = this.#numbers
    return {
      requests: numbers.get(place, REQUESTS),
      allowed: numbers.get(place, ALLOWED),
      refused: numbers.get(place, REFUSED),
      falselyRefused: numbers.get(place, FALSELY_REFUSED),
      tokens: numbers.get(place, TOKENS),
    }
  }

  /** Who it is that has a place, by the number that the trace gives. */
  sender(place: number): number {
    return this.#senders[place] as number
  }

  /** The place of who sends; `OTHERS` where it has none. */
  placeOf(sender: number): number {
    return this.#places.get(sender)
  }

  /** @returns the place of one that is told of for the first time */
  #begin(sender: number, name: string): number {
    if (this.size >= MAX_CLIENTS) return OTHERS
    const place = this.#names.push(detachString(name)) - 1
    this.#tiers.push(undefined)
    this.#numbers.reach(place)
    this.#senders.push(sender)
    this.#places.set(sender, place)
    return place
  }
}
