import { detachString } from '../columns/detach-string.js'
import { StringIndex } from '../columns/string-index.js'
import type { TraceRequest } from './trace-request.js'

/** What a request is called of which neither client nor address is known. */
const NOBODY = '(not recorded)'

/** Most names that are told apart. */
const MAX_NAMES = 500_000
/** Tiers that are kept in one place each. */
const MAX_TIERS = 1000

/** In place of a number: of who is beyond those that are told apart. */
export const UNKNOWN = -1

/** What who sent a request is called: by its credentials, else by its address. */
export function senderName({ client, ip }: Pick<TraceRequest, 'client' | 'ip'>): string {
  return client ?? ip ?? NOBODY
}

/** Tells apart who sends the requests of a trace. */
export class SenderIds {
  readonly #numbers = new StringIndex()
  readonly #tiers = new Map<string, string>()

  /** A number for who has this name, from 0 as they are first seen; `UNKNOWN` for those beyond the many that are told apart. */
  number(client: string | undefined, ip: string | undefined): number {
    const known = this.#numbers.find(client ?? ip ?? NOBODY)
    if (known !== 0) return known - 1
    const { size } = this.#numbers
    if (size >= MAX_NAMES) return UNKNOWN
    this.#numbers.add(size + 1)
    return size
  }

  /** A tier that may be kept. */
  tier(name: string | undefined): string | undefined {
    if (name === undefined) return undefined
    const known = this.#tiers.get(name)
    if (known !== undefined) return known
    const tier = detachString(name)
    if (this.#tiers.size < MAX_TIERS) this.#tiers.set(tier, tier)
    return tier
  }
}
