import { detachString } from '../columns/detach-string.js'
import { SenderColumn } from '../columns/sender-column.js'
import { SlotColumns } from '../columns/slot-columns.js'
import { UNKNOWN } from '../trace/sender-ids.js'
import { LOCKOUT_NUMBERS, Lockouts } from './lockouts.js'
import type { DecisionEvent } from './stats-events.js'

/** Maximum number of clients counted separately. Further clients are counted together. */
export const MAX_CLIENTS = 250_000

/** The slot of the clients that are counted together. */
export const OTHERS = 0

/** Columns of a client. */
const REQUESTS = 0
const ALLOWED = 1
const REFUSED = 2
const FALSELY_REFUSED = 3
const TOKENS = 4
/** Number of these columns. */
const NUMBERS = 5

/** Counts of one client. */
export interface ClientCounts {
  requests: number
  allowed: number
  refused: number
  falselyRefused: number
  /** Input and output tokens of admitted requests. */
  tokens: number
}

/** Counts by client. Slots are assigned in the order of the clients' first requests. */
export class ClientStats {
  // If clients were objects, every garbage collection would traverse all of them.
  readonly #numbers = new SlotColumns(NUMBERS + LOCKOUT_NUMBERS)
  readonly lockouts = new Lockouts(this.#numbers, NUMBERS)
  readonly #names: string[] = ['(all other clients)']
  readonly #tiers: (string | undefined)[] = [undefined]
  readonly #slots = new SenderColumn()
  readonly #senders: number[] = [UNKNOWN]

  /** Counts a request. Returns the slot of its client. */
  count(request: Pick<DecisionEvent, 'sender' | 'name' | 'tier'>): number {
    const { sender, name, tier } = request
    const slot = this.#slots.get(sender) || (name === undefined ? OTHERS : this.#begin(sender, name))
    this.#numbers.add(slot, REQUESTS, 1)
    if (tier !== undefined && slot !== OTHERS) this.#tiers[slot] = tier
    return slot
  }

  admit(slot: number, now: number, tokens: number): void {
    this.#numbers.add(slot, ALLOWED, 1)
    this.#numbers.add(slot, TOKENS, tokens)
    this.lockouts.admit(slot, now)
  }

  /** @param rule the number of the rule that refused */
  refuse(slot: number, now: number, rule: number, falsely: boolean): void {
    this.#numbers.add(slot, REFUSED, 1)
    if (falsely) this.#numbers.add(slot, FALSELY_REFUSED, 1)
    this.lockouts.refuse(slot, now, rule)
  }

  /** Number of clients counted separately, whose slots are 1 to `size`. */
  get size(): number {
    return this.#names.length - 1
  }

  name(slot: number): string {
    return this.#names[slot] as string
  }

  /** Returns the most recently recorded tier. */
  tier(slot: number): string | undefined {
    return this.#tiers[slot]
  }

  requests(slot: number): number {
    return this.#numbers.get(slot, REQUESTS)
  }

  refused(slot: number): number {
    return this.#numbers.get(slot, REFUSED)
  }

  counts(slot: number): ClientCounts {
    const numbers = this.#numbers
    return {
      requests: numbers.get(slot, REQUESTS),
      allowed: numbers.get(slot, ALLOWED),
      refused: numbers.get(slot, REFUSED),
      falselyRefused: numbers.get(slot, FALSELY_REFUSED),
      tokens: numbers.get(slot, TOKENS),
    }
  }

  /** Returns the sender number of a client. */
  sender(slot: number): number {
    return this.#senders[slot] as number
  }

  /** Returns the slot of a sender; `OTHERS` if it is not counted separately. */
  slotOf(sender: number): number {
    return this.#slots.get(sender)
  }

  /** Assigns a slot to a new client. */
  #begin(sender: number, name: string): number {
    if (this.size >= MAX_CLIENTS) return OTHERS
    const slot = this.#names.push(detachString(name)) - 1
    this.#tiers.push(undefined)
    this.#numbers.reach(slot)
    this.#senders.push(sender)
    this.#slots.set(sender, slot)
    return slot
  }
}
