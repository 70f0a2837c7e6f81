import { randomUUID } from 'node:crypto'
import { headerName } from '../../policy/headers/header-name.js'

/** The header that holds the ID of a request, from a trusted proxy, to the upstream and to the client. */
export const REQUEST_ID = 'x-request-id'

/** Holds the gateway's ID if the upstream answered with one of its own. */
export const OWN_REQUEST_ID = 'sluice-request-id'

/** The header in which Anthropic's SDKs read the ID. */
export const VENDOR_REQUEST_ID = 'request-id'

const ID_HEADERS: ReadonlySet<string> = new Set([REQUEST_ID, OWN_REQUEST_ID, VENDOR_REQUEST_ID])

/** @param name in lower case */
export function isRequestIdHeader(name: string): boolean {
  return ID_HEADERS.has(name)
}

/** IDs that are safe in headers, logs, URLs and file names. Proxies send UUIDs or hexadecimal digits. */
const SAFE_ID = /^[\w.~:/+=@-]{1,128}$/

/**
 * Returns the ID of a request: that of a trusted proxy, otherwise a new random UUID. A proxy's ID is
 * also replaced if it was sent more than once or in another spelling, which the proxy may have passed
 * on from a client, or if it is longer than 128 characters or has unsafe characters.
 */
export function requestIdOf(rawHeaders: readonly string[], isFromTrustedProxy: boolean): string {
  return (isFromTrustedProxy ? receivedId(rawHeaders) : undefined) ?? randomUUID()
}

function receivedId(rawHeaders: readonly string[]): string | undefined {
  let id: string | undefined
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] as string
    if (headerName(name).folded !== REQUEST_ID) continue
    if (id !== undefined || name.toLowerCase() !== REQUEST_ID) return undefined
    id = rawHeaders[index + 1]
  }
  return id !== undefined && SAFE_ID.test(id) ? id : undefined
}
