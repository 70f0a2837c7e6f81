import type { IncomingMessage } from 'node:http'
import { MalformedRequestError } from '../rules/request-error.js'
import { onConnectionClosed } from './connection-close.js'

/** The parts of Node's requests that are read. */
export type NodeRequest = Pick<IncomingMessage, 'headers' | 'socket'> & {
  /** Not there where a test makes the request without a connection. */
  readonly headersDistinct?: IncomingMessage['headersDistinct']
}

/**
 * The value of a header that a limit is counted by.
 *
 * @param name in lower case
 * @throws MalformedRequestError where it was sent more than once: what comes behind might believe another one than was counted.
 */
export function soleHeader({ headers, headersDistinct }: NodeRequest, name: string): string | undefined {
  const values = headersDistinct?.[name]
  if (values !== undefined && values.length > 1)
    throw new MalformedRequestError(`the header '${name}' was sent more than once`)
  return values?.[0] ?? headers[name]?.toString()
}

/** All lines of `X-Forwarded-For` in their order, as one list. */
export function forwardedFor({ headers }: NodeRequest): string | undefined {
  return headers['x-forwarded-for']?.toString()
}

/** Calls `gone` when the client hangs up. @returns what ends the watch */
export function onHangUp({ socket }: NodeRequest, gone: () => void): () => void {
  return onConnectionClosed(socket, gone)
}
