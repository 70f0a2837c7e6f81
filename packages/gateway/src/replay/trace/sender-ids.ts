import { detachString } from '../columns/detach-string.js'
import { StringIndex } from '../columns/string-index.js'
import type { TraceRequest } from './trace-request.js'

/** Sender name of a request with neither a client nor an address. */
const NOT_RECORDED = '(not recorded)'

/** Maximum number of senders with a number of their own. */
const MAX_SENDERS = 500_000
/** Maximum number of cached names, such as those of tiers and models. */
const MAX_NAMES = 1000

/** The number shared by all senders beyond `MAX_SENDERS`. */
export const UNKNOWN = -1

/** Returns the name of the sender of a request: its client, or otherwise its address. */
export function senderName({ client, ip }: Pick<TraceRequest, 'client' | 'ip'>): string {
  return client ?? ip ?? NOT_RECORDED
}

/** Assigns numbers to the senders of a trace. */
export class SenderIds {
  readonly #numbers = new StringIndex()
  readonly #names = new Map<string, string>()

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

  /** Returns a copy of a name, such as that of a tier, that does not keep the trace alive. */
  interned(name: string | undefined): string | undefined {
    if (name === undefined) return undefined
    const known = this.#names.get(name)
    if (known !== undefined) return known
    const copy = detachString(name)
    if (this.#names.size < MAX_NAMES) this.#names.set(copy, copy)
    return copy
  }
}
