import type { SenderIds } from './sender-ids.js'
import { TraceError, type TraceRequest } from './trace-request.js'

const MAX_CLIENTS = 1_000_000

/**
 * Assigns clients to requests that have neither a client nor an address. The n-th request in
 * chronological order, counted from 0, belongs to `client-` n mod `clients`.
 */
export function clientAssigner(
  clients: number | undefined,
  senders: SenderIds,
): (request: TraceRequest) => TraceRequest {
  if (clients === undefined) return (request) => request
  if (!(Number.isInteger(clients) && clients >= 1 && clients <= MAX_CLIENTS))
    throw new TraceError(
      `the number of clients must be a whole number from 1 to ${MAX_CLIENTS}, not ${clients}`,
    )
  let number = 0
  return (request) => {
    const client = `client-${number++ % clients}`
    if (request.client !== undefined || request.ip !== undefined) return request
    return { ...request, client, sender: senders.number(client, undefined) }
  }
}
