import type { AddressList, ClientAddressReader, RequestOrigin } from 'sluice/http'
import type { InboundRequest } from './inbound-request.js'

/** Finds the client behind trusted proxies. */
export type OriginReader = Pick<ClientAddressReader, 'originOf' | 'header'>

/**
 * Returns the origin of a request.
 *
 * @throws RequestError if a trusted proxy sent an address that cannot be parsed
 */
export function originOf({ socket, headers }: InboundRequest, addresses: OriginReader): RequestOrigin {
  return addresses.originOf(socket.remoteAddress, headers[addresses.header]?.toString())
}

/** Reports whether a list contains the address of the client. An unknown address is in no list. */
export function isListed(request: InboundRequest, addresses: OriginReader, list: AddressList): boolean {
  try {
    const { address, isKnown } = originOf(request, addresses)
    return isKnown && list.has(address)
  } catch {
    // The limits report an address that cannot be parsed, if they need it.
    return false
  }
}
