import { parseIpAddress } from 'sluice/http'
import type { Act } from './act.js'
import { NetworkMap } from './network-map.js'

/** Clients by ID, and addresses and networks. */
export interface ClientList {
  readonly clients: readonly string[]
  readonly addresses: readonly string[]
}

/** Why a request is blocked. */
export interface Block {
  /** The reason of the act, or `deny` for a client that the configuration file lists. For operators only. */
  readonly reason: string
  /** When the block ends, in milliseconds since the epoch; undefined for a permanent block. */
  readonly until: number | undefined
}

const DENIED: Block = { reason: 'deny', until: undefined }

/**
 * The clients that are blocked by the configuration file or by acts, and the clients that are never
 * limited. A block takes precedence.
 */
export class AccessList {
  readonly #clients = new Map<string, Block[]>()
  /** A single address is a network of one. */
  readonly #networks: NetworkMap<Block[]>
  readonly #allowed: ReadonlySet<string>
  /** True if clients must be identified even on routes without limits. */
  readonly blocksClients: boolean
  readonly blocksAddresses: boolean

  private constructor(deny: ClientList, allow: Pick<ClientList, 'clients'>, acts: readonly Act[]) {
    const networks = new Map<string, Block[]>()
    const add = (blocks: Map<string, Block[]>, key: string, block: Block) =>
      blocks.set(key, [...(blocks.get(key) ?? []), block])
    for (const client of deny.clients) add(this.#clients, client, DENIED)
    for (const address of deny.addresses) add(networks, address, DENIED)
    for (const act of acts) {
      if (act.act !== 'block') continue
      const block = { reason: act.reason, until: act.until }
      if ('client' in act) add(this.#clients, act.client, block)
      else add(networks, act.address, block)
    }
    this.#networks = new NetworkMap(networks)
    this.#allowed = new Set(allow.clients)
    this.blocksClients = this.#clients.size > 0
    this.blocksAddresses = networks.size > 0
  }

  /** Returns the list of a configuration and acts; undefined if it is empty. */
  static of(
    {
      deny = EMPTY,
      allow = EMPTY,
    }: { readonly deny?: ClientList | undefined; readonly allow?: ClientList | undefined },
    acts: readonly Act[],
  ): AccessList | undefined {
    const blocks = acts.some(({ act }) => act === 'block')
    const isEmpty = [deny.clients, deny.addresses, allow.clients].every(({ length }) => length === 0)
    return isEmpty && !blocks ? undefined : new AccessList(deny, allow, acts)
  }

  /** Returns the block of a client; undefined if it is not blocked. */
  blockOfClient(id: string, now: number): Block | undefined {
    return longest(this.#clients.get(id), now)
  }

  /** Returns the block of an address, in any notation; undefined if it is not blocked. */
  blockOfAddress(text: string, now: number): Block | undefined {
    if (!this.blocksAddresses) return undefined
    const address = parseIpAddress(text)
    if (address === undefined) return undefined
    return longest([...this.#networks.valuesFor(address)].flat(), now)
  }

  /** Reports whether the limits do not apply to a client. */
  isAllowed(id: string): boolean {
    return this.#allowed.has(id)
  }
}

const EMPTY: ClientList = { clients: [], addresses: [] }

/** Returns the block that ends last, of those that have not ended. */
function longest(blocks: readonly Block[] | undefined, now: number): Block | undefined {
  if (blocks === undefined) return undefined
  let found: Block | undefined
  for (const block of blocks) {
    if (block.until !== undefined && block.until <= now) continue
    if (found === undefined || endOf(block) > endOf(found)) found = block
  }
  return found
}

function endOf({ until = Number.POSITIVE_INFINITY }: Block): number {
  return until
}
