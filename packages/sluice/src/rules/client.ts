import { checkLabels, type Labels } from './labels.js'
import { RequestError } from './request-error.js'

/** The client of a request, identified by verified credentials. */
export interface Client {
  /** The key of rules with `by: 'client'`. */
  readonly id: string
  /** The tier of the client. Default: none, so the limits apply unchanged. */
  readonly tier?: string
  /**
   * Attributes that rules can count by and read, such as `{ org: 'acme', team: 'red' }`: at most 32.
   * Names are up to 64 lower-case letters, digits and `_`, and begin with a letter; `id` and `tier`
   * are reserved. Values are strings of 1 to 256 characters, or lists of at most 100 of them.
   */
  readonly labels?: Labels
}

/** Maximum length of a client's id and tier, in UTF-16 code units. */
const MAX_LENGTH = 256

/**
 * Validates a client that a user-supplied function returned.
 *
 * @throws TypeError for an invalid client, which must not be treated as anonymous.
 */
export function checkClient(client: unknown): Client {
  const { id, tier, labels }: ClientFields = typeof client === 'string' ? { id: client } : asRecord(client)
  if (!isName(id)) throw new TypeError(`the client's id must be a string of 1 to ${MAX_LENGTH} characters`)
  if (tier !== undefined && !isName(tier))
    throw new TypeError(`the client's tier must be a string of 1 to ${MAX_LENGTH} characters`)
  // A copy, because the caller may reuse or change its object.
  if (labels !== undefined) return { id, ...(tier !== undefined && { tier }), labels: checkLabels(labels) }
  return tier === undefined ? { id } : { id, tier }
}

interface ClientFields {
  readonly id?: unknown
  readonly tier?: unknown
  readonly labels?: unknown
}

function asRecord(client: unknown): ClientFields {
  if (client !== null && typeof client === 'object' && 'id' in client) return client
  throw new TypeError("a client must be a string, or an object such as { id: 'acme', tier: 'premium' }")
}

function isName(name: unknown): name is string {
  return typeof name === 'string' && name.length > 0 && name.length <= MAX_LENGTH
}

/** An error for unknown or expired credentials: status 401. The message never contains them. */
export class UnauthorizedError extends RequestError {
  override readonly name: string = 'UnauthorizedError'

  constructor(message: string) {
    super(message, 401)
  }
}
