import type { IncomingMessage } from 'node:http'
import { MalformedRequestError } from '../rules/request-error.js'
import { onConnectionClosed } from './connection-close.js'

/** The members of a Node request that the adapters read. */
export type NodeRequest = Pick<IncomingMessage, 'headers' | 'socket'> & {
  /** Missing if a test creates the request without a connection. */
  readonly headersDistinct?: IncomingMessage['headersDistinct']
}

/**
 * Returns the value of a header that must not be sent more than once.
 *
 * @param name in lower case
 * @throws MalformedRequestError if it was sent more than once, because the handler might use a
 *   different value from the limit
 */
export function soleHeader({ headers, headersDistinct }: NodeRequest, name: string): string | undefined {
  const values = headersDistinct?.[name]
  if (values !== undefined && values.length > 1)
    throw new MalformedRequestError(`the header '${name}' was sent more than once`)
  return values?.[0] ?? headers[name]?.toString()
}

/**
 * Returns all lines of a list header in order, as one list.
 *
 * @param name in lower case
 */
export function listHeader({ headers }: NodeRequest, name: string): string | undefined {
  return headers[name]?.toString()
}

/**
 * Calls `listener` when the client disconnects.
 *
 * @returns a function that stops watching
 */
export function onHangUp({ socket }: NodeRequest, listener: () => void): () => void {
  return onConnectionClosed(socket, listener)
}
