import { detachString } from '../columns/detach-string.js'
import { StringIndex } from '../columns/string-index.js'
import type { TraceRequest } from './trace-request.js'

/** Sender name of a request with neither a client nor an address. */
const NOT_RECORDED = '(not recorded)'

/** Maximum number of senders with a number of their own. */
const MAX_SENDERS = 500_000
/** Maximum number of cached tier names. */
const MAX_TIERS = 1000

/** The number shared by all senders beyond `MAX_SENDERS`. */
export const UNKNOWN = -1

/** Returns the name of the sender of a request: its client, or otherwise its address. */
export function senderName({ client, ip }: Pick<TraceRequest, 'client' | 'ip'>): string {
  return client ?? ip ?? NOT_RECORDED
}

/** Assigns numbers to the senders of a trace. */
export class SenderIds {
  readonly #numbers = new StringIndex()
  readonly #tiers = new Map<string, string>()

  /**
   * Returns the number of a sender, from 0 in the order of first requests; `UNKNOWN` once
   * `MAX_SENDERS` numbers are in use.
   */
  number(client: string | undefined, ip: string | undefined): number {
    const known = this.#numbers.find(client ?? ip ?? NOT_RECORDED)
    if (known !== 0) return known - 1
    const { size } = this.#numbers
    if (size >= MAX_SENDERS) return UNKNOWN
    this.#numbers.add(size + 1)
    return size
  }

  /** Returns a copy of a tier name that does not keep the trace alive. */
  tier(name: string | undefined): string | undefined {
    if (name === undefined) return undefined
    const known = this.#tiers.get(name)
    if (known !== undefined) return known
    const tier = detachString(name)
    if (this.#tiers.size < MAX_TIERS) this.#tiers.set(tier, tier)
    return tier
  }
}
