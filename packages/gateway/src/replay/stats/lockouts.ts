import type { SlotColumns } from '../columns/slot-columns.js'

/** A period in which every request of a client was refused. */
export interface Lockout {
  /** Slot of the client, and number of the rule that refused first. */
  readonly client: number
  readonly rule: number
  /**
   * In milliseconds of the trace: from the first refusal to the next admitted request, or to the
   * last refusal if no admitted request follows.
   */
  readonly from: number
  readonly to: number
  readonly refused: number
}

/** First columns of the current lock-out and of the longest one that has ended. */
const CURRENT = 0
const LONGEST = 4
/** The number of the rule plus one; 0 if there is no lock-out. */
const RULE = 0
const FROM = 1
const TO = 2
const REFUSED = 3
/** Number of columns of a lock-out. */
const NUMBERS = 4

/** Number of columns that each client needs. */
export const LOCKOUT_NUMBERS = 2 * NUMBERS

/** The longest lock-out of each client. */
export class Lockouts {
  /** @param from index of the first column; the columns must initially be zero */
  constructor(
    private readonly numbers: SlotColumns,
    private readonly from: number,
  ) {}

  admit(client: number, now: number): void {
    if (this.#get(client, CURRENT + RULE) === 0) return
    this.#set(client, CURRENT + TO, now)
    if (this.#length(client, CURRENT) > this.#length(client, LONGEST)) {
      for (let which = 0; which < NUMBERS; which++)
        this.#set(client, LONGEST + which, this.#get(client, CURRENT + which))
    }
    this.#set(client, CURRENT + RULE, 0)
  }

  refuse(client: number, now: number, rule: number): void {
    if (this.#get(client, CURRENT + RULE) === 0) {
      this.#set(client, CURRENT + RULE, rule + 1)
      this.#set(client, CURRENT + FROM, now)
      this.#set(client, CURRENT + REFUSED, 0)
    }
    this.#set(client, CURRENT + TO, now)
    this.#set(client, CURRENT + REFUSED, this.#get(client, CURRENT + REFUSED) + 1)
  }

  /**
   * Returns the longest lock-out so far, including one that has not ended; undefined if there is
   * none.
   */
  longest(client: number): Lockout | undefined {
    const which = this.#length(client, CURRENT) > this.#length(client, LONGEST) ? CURRENT : LONGEST
    const rule = this.#get(client, which + RULE) - 1
    if (rule < 0) return undefined
    return {
      client,
      rule,
      from: this.#get(client, which + FROM),
      to: this.#get(client, which + TO),
      refused: this.#get(client, which + REFUSED),
    }
  }

  #get(client: number, which: number): number {
    return this.numbers.get(client, this.from + which)
  }

  #set(client: number, which: number, value: number): void {
    this.numbers.set(client, this.from + which, value)
  }

  /** Returns the length of a lock-out; -1 if there is none. */
  #length(client: number, which: number): number {
    return this.#get(client, which + RULE) === 0
      ? -1
      : this.#get(client, which + TO) - this.#get(client, which + FROM)
  }
}

export function lengthOf({ from, to }: Lockout): number {
  return to - from
}
