import { RequestError } from './request-error.js'

/** Who sends a request, as credentials that were checked say. */
export interface Client {
  /** What `by: 'client'` counts for. */
  readonly id: string
  /** The named class of clients that it belongs to. Default: none, and so no tier's limits. */
  readonly tier?: string
}

/** Longest id and tier of a client, in UTF-16 units. */
const MAX_LENGTH = 256

/**
 * Takes what a function of the user's own said of a client.
 *
 * @throws TypeError for what is no client, which must not be taken for a visitor.
 */
export function checkClient(client: unknown): Client {
  const { id, tier } = typeof client === 'string' ? { id: client, tier: undefined } : asRecord(client)
  if (!isName(id)) throw new TypeError(`the id of a client is a text of 1 to ${MAX_LENGTH} characters`)
  if (tier === undefined) return { id }
  if (!isName(tier)) throw new TypeError(`the tier of a client is a text of 1 to ${MAX_LENGTH} characters`)
  return { id, tier }
}

function asRecord(client: unknown): { readonly id?: unknown; readonly tier?: unknown } {
  if (client !== null && typeof client === 'object' && 'id' in client) return client
  throw new TypeError("a client is a text, or an object such as { id: 'acme', tier: 'premium' }")
}

function isName(text: unknown): text is string {
  return typeof text === 'string' && text.length > 0 && text.length <= MAX_LENGTH
}

/** Credentials that are not known, or no longer: 401. Says nothing of what they were. */
export class UnauthorizedError extends RequestError {
  override readonly name: string = 'UnauthorizedError'

  constructor(message: string) {
    super(message, 401)
  }
}
