import { FORGOTTEN, OTHER, type SpendKey } from './spend-entry.js'

/**
 * Decides how the entries of a client are renamed when it is forgotten. A label that other clients
 * have as well, such as a team, is kept, so that the totals of the label stay right. A label that only
 * this client has would still identify it, and is removed.
 */
export class ForgetPlan {
  readonly #client: string
  readonly #own: SpendKey[] = []
  /** The labels that other clients have. */
  readonly #shared = new Set<string>()

  constructor(client: string) {
    this.#client = client
  }

  /** Adds an entry of the ledger. The plan is complete once it has all entries of all months. */
  add(key: SpendKey): void {
    if (key.client === this.#client) this.#own.push(key)
    else if (![FORGOTTEN, OTHER].includes(key.client))
      for (const label of Object.entries(key.labels)) this.#shared.add(nameOf(label))
  }

  /** The entries of the client, and what they become. */
  get moves(): readonly { readonly from: SpendKey; readonly to: SpendKey }[] {
    return this.#own.map((from) => {
      const kept = Object.entries(from.labels).filter((label) => this.#shared.has(nameOf(label)))
      return { from, to: { ...from, client: FORGOTTEN, labels: Object.fromEntries(kept) } }
    })
  }
}

function nameOf([name, value]: readonly [string, string]): string {
  return `${name}=${value}`
}
