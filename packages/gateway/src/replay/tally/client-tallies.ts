import type { TraceRequest } from '../trace/trace-request.js'
import { ClientTally } from './client-tally.js'

/** Clients that are told apart; those beyond are counted together. */
export const MOST_CLIENTS = 250_000

/** What the others are called, and who is not known. */
const OTHERS = '(all other clients)'
const NOBODY = '(not recorded)'

/** What a client is called: by its credentials, else by its address. */
export function clientOf({ client, ip }: TraceRequest): string {
  return client ?? ip ?? NOBODY
}

/** What each client met. */
export class ClientTallies {
  readonly #known = new Map<string, ClientTally>()
  #others: ClientTally | undefined

  of(request: TraceRequest): ClientTally {
    const { tier } = request
    const name = clientOf(request)
    const known = this.#known.get(name)
    if (known !== undefined) {
      if (tier !== undefined) known.tier = tier
      return known
    }
    if (this.#known.size >= MOST_CLIENTS) {
      this.#others ??= new ClientTally(OTHERS, undefined)
      return this.#others
    }
    const fresh = new ClientTally(name, tier)
    this.#known.set(name, fresh)
    return fresh
  }

  get(client: string): ClientTally | undefined {
    return this.#known.get(client)
  }

  /** How many were told apart. */
  get size(): number {
    return this.#known.size
  }

  /** Those beyond, together; undefined where there are none. */
  get others(): ClientTally | undefined {
    return this.#others
  }

  [Symbol.iterator](): Iterator<ClientTally> {
    return this.#known.values()
  }
}
