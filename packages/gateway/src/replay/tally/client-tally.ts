/** A stretch of time in which all that a client asked for was refused. */
export interface Lockout {
  readonly client: string
  /** The rule that refused first. */
  readonly rule: string
  /** In milliseconds of the trace: from the first refusal to the next request that was let in, or to the last refusal. */
  readonly from: number
  readonly to: number
  readonly refused: number
}

/** What one client met. */
export class ClientTally {
  /** All that it sent. */
  requests = 0
  allowed = 0
  refused = 0
  falselyRefused = 0
  /** Input and output of what was let in. */
  tokens = 0
  #lockedFrom = 0
  #lockedTo = 0
  #lockedBy: string | undefined
  #lockedCount = 0
  #longest: Lockout | undefined

  constructor(
    readonly client: string,
    public tier: string | undefined,
  ) {}

  /** The longest lock-out so far, that which still lasts included. */
  get longest(): Lockout | undefined {
    const longest = this.#longest
    const current = this.#current()
    return current !== undefined && (longest === undefined || lengthOf(current) > lengthOf(longest))
      ? current
      : longest
  }

  letIn(now: number): void {
    this.allowed++
    if (this.#lockedBy === undefined) return
    this.#lockedTo = now
    this.#longest = this.longest
    this.#lockedBy = undefined
  }

  refuse(rule: string, now: number): void {
    this.refused++
    if (this.#lockedBy === undefined) {
      this.#lockedBy = rule
      this.#lockedFrom = now
      this.#lockedCount = 0
    }
    this.#lockedTo = now
    this.#lockedCount++
  }

  #current(): Lockout | undefined {
    if (this.#lockedBy === undefined) return undefined
    return {
      client: this.client,
      rule: this.#lockedBy,
      from: this.#lockedFrom,
      to: this.#lockedTo,
      refused: this.#lockedCount,
    }
  }
}

export function lengthOf({ from, to }: Lockout): number {
  return to - from
}
