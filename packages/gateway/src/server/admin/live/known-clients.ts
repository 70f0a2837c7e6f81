import type { Client } from 'sluice'
import { idInKey } from './key-labels.js'

/** Maximum number of clients. If there are more, the one added first is removed. */
const MAX_CLIENTS = 5000

/** The clients that sent requests recently, with their tiers and labels. */
export class KnownClients {
  /** By ID. */
  readonly #clients = new Map<string, Client>()

  record(client: Client): void {
    if (this.#clients.get(client.id) === client) return
    this.#clients.set(client.id, client)
    if (this.#clients.size <= MAX_CLIENTS) return
    const [first] = this.#clients.keys()
    if (first !== undefined) this.#clients.delete(first)
  }

  /**
   * Lists the clients with the labels `org` or `team`, those added last first.
   *
   * @param search a part of an ID, a tier or a label, in any case; empty for all clients
   */
  labelled(search: string): readonly Client[] {
    const wanted = search.trim().toLowerCase()
    return [...this.#clients.values()].reverse().filter(({ id, tier = '', labels = {} }) => {
      if (!['org', 'team'].some((label) => Object.hasOwn(labels, label))) return false
      return [id, tier, ...Object.values(labels).flat()].some((text) => text.toLowerCase().includes(wanted))
    })
  }

  /** Removes a client. @returns true if it was known */
  forget(id: string): boolean {
    return this.#clients.delete(id)
  }

  /** @param search the ID of a client, or its key under a rule that counts by client */
  find(search: string): Client | undefined {
    return this.#clients.get(idInKey(search) ?? search) ?? this.#clients.get(search)
  }
}
