import type { ClientAddressReader } from 'sluice/http'
import { foldedName, namesUser } from '../../policy/headers/steering-headers.js'

/**
 * The origin of a request, which the upstream receives as `Forwarded` (RFC 7239) and
 * `X-Forwarded-*`.
 */
export interface Provenance {
  /** The connection to the peer. */
  readonly connection: object
  /** The headers as received: name, value, name, value. */
  readonly rawHeaders: readonly string[]
  /** The address of the peer. It may be an IPv4-mapped IPv6 address, and may have a zone. */
  readonly peerAddress: string
  /** True if the peer is a trusted proxy, whose provenance headers are kept. */
  readonly peerTrusted: boolean
  /** Finds the client behind trusted proxies. */
  readonly addresses: Pick<ClientAddressReader, 'originOf'>
  /** The host that the client requested; undefined if it sent none. */
  readonly clientHost: string | undefined
  /** The scheme of the connection from the peer. */
  readonly proto: 'http' | 'https'
}

/** Headers kept from trusted proxies. Each is a list to which every proxy appends an element. */
const FORWARDED_FOR = 'x-forwarded-for'
const FORWARDED_DETAILS: readonly string[] = ['x-forwarded-host', 'x-forwarded-proto', 'x-forwarded-port']

/**
 * Returns the provenance headers for the upstream: name, value, name, value.
 *
 * If the peer is a trusted proxy, the gateway appends the peer's address to `X-Forwarded-For` and
 * keeps the proxy's headers about the client's host, protocol, port and user. The gateway always
 * writes `Forwarded` and `X-Real-IP` itself, because a proxy that writes only `X-Forwarded-For`
 * passes on what the client sent. No such headers are kept from other peers.
 */
export function provenanceHeaders(origin: Provenance): readonly string[] {
  return origin.peerTrusted ? buildHeaders(origin) : cachedHeaders(origin)
}

/**
 * The last headers built for each connection from an untrusted peer, which usually requests the
 * same host again.
 */
const lastOf = new WeakMap<object, { readonly host: string | undefined; readonly headers: string[] }>()

/** Returns the headers for an untrusted peer, which depend only on its connection and the host. */
function cachedHeaders(origin: Provenance): readonly string[] {
  const last = lastOf.get(origin.connection)
  if (last !== undefined && last.host === origin.clientHost) return last.headers
  const headers = buildHeaders(origin)
  lastOf.set(origin.connection, { host: origin.clientHost, headers })
  return headers
}

function buildHeaders(origin: Provenance): string[] {
  const peer = plainAddress(origin.peerAddress)
  const received = origin.peerTrusted ? receivedProvenance(origin.rawHeaders) : new Map<string, string[]>()
  const chain = elements(received.get(FORWARDED_FOR))
  const client = origin.peerTrusted ? clientOf(origin, chain) : { address: peer, proxies: 0 }
  const headers = [FORWARDED_FOR, [...chain, peer === '' ? 'unknown' : peer].join(', ')]
  for (const name of FORWARDED_DETAILS) {
    const value =
      trustedElement(elements(received.get(name)), client?.proxies ?? 1) ?? ownDetail(name, origin)
    if (value !== undefined) headers.push(name, value)
  }
  for (const [name, values] of received) if (namesUser(name)) headers.push(name, values.join(', '))
  // A proxy that names no client leaves the client's address unknown.
  const isKnown = !origin.peerTrusted || chain.length > 0 || received.has('x-real-ip')
  if (isKnown && client !== undefined && client.address !== '')
    headers.push('x-real-ip', shorten(client.address))
  // Includes the hops of proxies that write only X-Forwarded-For.
  const earlier = chain.map((hop) => `for=${node(hop)}`)
  headers.push('forwarded', [...earlier, forwardedElement(peer, origin)].join(', '))
  return headers
}

/**
 * Finds the client behind trusted proxies; undefined if a proxy sent an address that cannot be
 * parsed.
 */
function clientOf({ addresses, peerAddress }: Provenance, chain: readonly string[]) {
  try {
    return addresses.originOf(peerAddress, chain.length === 0 ? undefined : chain.join(','))
  } catch {
    return undefined
  }
}

/**
 * Returns the leftmost element that a trusted proxy added. Elements further left were sent by the
 * client.
 */
function trustedElement(list: readonly string[], proxies: number): string | undefined {
  return list[Math.max(0, list.length - proxies)]
}

function ownDetail(name: string, { proto, clientHost }: Provenance): string | undefined {
  switch (name) {
    case 'x-forwarded-proto':
      return proto
    case 'x-forwarded-host':
      return clientHost
    default:
      return undefined
  }
}

/** Collects the provenance headers that a trusted peer sent, by lower-case name. */
function receivedProvenance(rawHeaders: readonly string[]): Map<string, string[]> {
  const received = new Map<string, string[]>()
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const name = rawHeaders[index]?.toLowerCase() ?? ''
    // A header in another spelling was sent by the client, and the proxy only passed it on.
    if (!isProvenance(name) || foldedName(name) !== name) continue
    const values = received.get(name)
    const value = rawHeaders[index + 1] ?? ''
    if (values === undefined) received.set(name, [value])
    else values.push(value)
  }
  return received
}

function isProvenance(name: string): boolean {
  return name === FORWARDED_FOR || name === 'x-real-ip' || FORWARDED_DETAILS.includes(name) || namesUser(name)
}

/** Splits a list header. Empty elements are ignored (RFC 9110 section 5.6.1). */
function elements(lines: readonly string[] = []): string[] {
  return lines
    .flatMap((line) => line.split(',').map((element) => element.trim()))
    .filter((element) => element !== '')
}

function forwardedElement(peer: string, { clientHost, proto }: Provenance): string {
  const host = clientHost === undefined ? '' : `;host=${tokenOrQuoted(clientHost)}`
  return `for=${node(peer)}${host};proto=${proto}`
}

/** Formats a node. IPv6 addresses are bracketed, which requires quotes (RFC 7239 section 6). */
function node(address: string): string {
  if (address === '') return 'unknown'
  const bare = /^[0-9a-fA-F]*:[0-9a-fA-F]*:[0-9a-fA-F:.]*$/.test(address)
  return tokenOrQuoted(bare ? `[${address}]` : address)
}

function tokenOrQuoted(value: string): string {
  return /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(value) ? value : `"${value.replace(/["\\]/g, '\\$&')}"`
}

/** Shortens an IPv6 address as specified in RFC 5952. */
function shorten(address: string): string {
  return address.includes(':') ? new URL(`http://[${address}]`).hostname.slice(1, -1) : address
}

/**
 * Strips the parts of an address that matter only locally: the IPv6 prefix of an IPv4 peer, and the
 * zone.
 */
function plainAddress(address: string): string {
  const zoneAt = address.indexOf('%')
  const bare = zoneAt === -1 ? address : address.slice(0, zoneAt)
  return /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(bare)?.[1] ?? bare
}
