import type { SenderIds } from './sender-ids.js'
import { TraceError, type TraceRequest } from './trace-request.js'

/** More names no client of the report could have. */
const MOST = 1_000_000

/**
 * Gives requests of which nobody is known a client: the n-th of the trace in order of time, counted from 0, belongs to
 * `client-` n mod `clients`.
 */
export function dealer(
  clients: number | undefined,
  senders: SenderIds,
): (request: TraceRequest) => TraceRequest {
  if (clients === undefined) return (request) => request
  if (!(Number.isInteger(clients) && clients >= 1 && clients <= MOST))
    throw new TraceError(`requests are dealt to 1 to ${MOST} clients, not ${clients}`)
  let number = 0
  return (request) => {
    const client = `client-${number++ % clients}`
    if (request.client !== undefined || request.ip !== undefined) return request
    return { ...request, client, sender: senders.number(client, undefined) }
  }
}
