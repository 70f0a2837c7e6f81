import type { Client } from 'sluice'
import { type HttpAnswer, type Presentation, problem } from 'sluice/http'
import type { Block } from '../../policy/acts/access-list.js'
import type { RequestSender } from '../../policy/policy-request.js'
import type { Target } from '../../policy/routing/target.js'
import { originOf } from '../http/client-origin.js'
import { RequestHead } from '../identity/request-head.js'
import type { RequestContext } from './request-context.js'

/** Thrown for a request of a blocked client: status 403. */
export class BlockedError extends Error {
  override readonly name = 'BlockedError'

  constructor(readonly block: Block) {
    super('the client is blocked')
  }
}

/**
 * Checks the address of a client, and reports a blocked request.
 *
 * @param route empty if none matches
 * @throws BlockedError if it is blocked, RequestError if a trusted proxy reports an address that
 *   cannot be read
 */
export function checkAddress(context: RequestContext, { path }: Target, route: string): void {
  const { request, services } = context
  const { access, addresses } = services
  if (access === undefined || !access.blocksAddresses) return
  const block = access.blockOfAddress(originOf(request, addresses).address, Date.now())
  if (block === undefined) return
  services.traffic.onBlocked?.(route, senderOf(context, path, undefined), block)
  throw new BlockedError(block)
}

/** Checks the ID of a client, and reports a blocked request. @throws BlockedError if it is blocked */
export function checkClient(
  context: RequestContext,
  { path }: Target,
  route: string,
  client: Client | undefined,
): void {
  const { access, traffic } = context.services
  if (access === undefined || client === undefined) return
  const block = access.blockOfClient(client.id, Date.now())
  if (block === undefined) return
  traffic.onBlocked?.(route, senderOf(context, path, client), block)
  throw new BlockedError(block)
}

function senderOf(context: RequestContext, path: string, client: Client | undefined): RequestSender {
  const { request, requestId, services, telemetry } = context
  const head = new RequestHead(request, services.addresses)
  return {
    ...{ id: requestId, traceId: telemetry?.traceId, client },
    ...{ method: request.method ?? 'GET', path },
    get ip() {
      return head.ip
    },
  }
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
