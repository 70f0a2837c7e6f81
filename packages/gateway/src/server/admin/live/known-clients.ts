import type { Client } from 'sluice'
import { clientLabel } from '../../../policy/client-label.js'
import type { RequestSender } from '../../../policy/policy-request.js'

/** Maximum number of clients. If there are more, the one added first is removed. */
const MAX_CLIENTS = 5000

/** The clients that sent requests recently, with their tiers and labels. */
export class KnownClients {
  readonly #clients = new Map<string, Client>()

  record(request: RequestSender): void {
    const { client } = request
    if (client === undefined) return
    const label = clientLabel(request)
    if (this.#clients.get(label) === client) return
    this.#clients.set(label, client)
    if (this.#clients.size <= MAX_CLIENTS) return
    const [first] = this.#clients.keys()
    if (first !== undefined) this.#clients.delete(first)
  }

  /** @param search the label or the id of a client */
  find(search: string): Client | undefined {
    return this.#clients.get(search) ?? this.#clients.get(`client ${search}`)
  }
}
