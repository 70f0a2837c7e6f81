import type { Client } from 'sluice'
import { type HttpAnswer, type Presentation, problem } from 'sluice/http'
import type { Block } from '../../policy/acts/access-list.js'
import { originOf } from '../http/client-origin.js'
import type { RequestContext, RequestServices } from './request-context.js'

/** Thrown for a request of a blocked client: status 403. */
export class BlockedError extends Error {
  override readonly name = 'BlockedError'

  constructor(readonly block: Block) {
    super('the client is blocked')
  }
}

/**
 * Checks the address of a client.
 *
 * @throws BlockedError if it is blocked, RequestError if a trusted proxy reports an address that
 *   cannot be read
 */
export function checkAddress({ request, services: { access, addresses } }: RequestContext): void {
  if (access === undefined || !access.blocksAddresses) return
  const { address } = originOf(request, addresses)
  const block = access.blockOfAddress(address, Date.now())
  if (block !== undefined) throw new BlockedError(block)
}

/** Checks the ID of a client. @throws BlockedError if it is blocked */
export function checkClient({ access }: RequestServices, client: Client | undefined): void {
  if (access === undefined || client === undefined) return
  const block = access.blockOfClient(client.id, Date.now())
  if (block !== undefined) throw new BlockedError(block)
}

/** Returns the answer to a blocked client. It reveals when the block ends, but not why it exists. */
export function blockedAnswer({ block: { until } }: BlockedError, presentation: Presentation): HttpAnswer {
  if (until === undefined) return forbidden('Requests from this client are blocked.', presentation)
  const seconds = Math.max(1, Math.ceil((until - Date.now()) / 1000))
  const end = new Date(Math.ceil(until / 1000) * 1000).toISOString().replace('.000Z', 'Z')
  const answer = forbidden(`Requests from this client are blocked until ${end}.`, presentation)
  return { ...answer, headers: [...answer.headers, ['retry-after', String(seconds)]] }
}

function forbidden(detail: string, presentation: Presentation): HttpAnswer {
  return problem(403, 'Forbidden', detail, {}, presentation)
}
