import { type ForwardedElement, forwardedElements } from 'sluice/http'
import { foldedName, namesUser } from '../../policy/headers/steering-headers.js'
import type { OriginReader } from './client-origin.js'

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
  readonly addresses: OriginReader
  /** The host that the client requested; undefined if it sent none. */
  readonly clientHost: string | undefined
  /** The scheme of the connection from the peer. */
  readonly proto: 'http' | 'https'
}

/** Headers kept from trusted proxies. Each is a list to which every proxy appends an element. */
const FORWARDED_FOR = 'x-forwarded-for'
const FORWARDED = 'forwarded'
const FORWARDED_DETAILS: readonly string[] = ['x-forwarded-host', 'x-forwarded-proto', 'x-forwarded-port']

/**
 * Returns the provenance headers for the upstream: name, value, name, value.
 *
 * If the peer is a trusted proxy, the gateway appends the peer's address to the hops that the proxy
 * reports, and keeps what the proxy reports about the client's host, protocol, port and user. The
 * hops are read from `X-Forwarded-For` or `Forwarded`, whichever the proxy writes, because a proxy
 * passes on the other header as the client sent it. The upstream receives both, and `X-Real-IP`. No
 * such headers are kept from other peers.
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
  const received = origin.peerTrusted ? receivedProvenance(origin) : new Map<string, string[]>()
  const report = received.get(origin.addresses.header)
  const hops =
    origin.addresses.header === FORWARDED ? forwardedHops(report) : elements(report).map(hopOfAddress)
  const client = origin.peerTrusted ? clientOf(origin, report) : { address: peer, isKnown: true, proxies: 0 }
  const chain = [...hops.map(({ address }) => address), peer === '' ? 'unknown' : peer]
  const headers = [FORWARDED_FOR, chain.join(', ')]
  const proxies = client?.proxies ?? 1
  for (const name of FORWARDED_DETAILS) {
    const reported =
      origin.addresses.header === FORWARDED
        ? hopDetail(name, trustedElement(hops, proxies))
        : trustedElement(elements(received.get(name)), proxies)
    const value = reported ?? ownDetail(name, origin)
    if (value !== undefined) headers.push(name, value)
  }
  for (const [name, values] of received) if (namesUser(name)) headers.push(name, values.join(', '))
  // A proxy that names no client leaves the client's address unknown.
  const isNamed = !origin.peerTrusted || hops.length > 0 || received.has('x-real-ip')
  if (isNamed && client?.isKnown && client.address !== '') headers.push('x-real-ip', shorten(client.address))
  // Includes the hops of proxies that write only X-Forwarded-For.
  headers.push(FORWARDED, [...hops.map(forwardedHop), forwardedElement(peer, origin)].join(', '))
  return headers
}

/** One hop that a proxy reports. */
interface Hop {
  /** The address without brackets, or with brackets and a port, as in X-Forwarded-For. */
  readonly address: string
  readonly host?: string | undefined
  readonly proto?: string | undefined
}

function hopOfAddress(address: string): Hop {
  return { address }
}

/**
 * Reads the hops from `Forwarded`. Whatever is further left than a malformed element comes from the
 * client and is dropped.
 */
function forwardedHops(lines: readonly string[] = []): Hop[] {
  const hops: Hop[] = []
  for (const element of forwardedElements(lines.join(', '))) {
    if (element === undefined) break
    hops.unshift(hopOfElement(element))
  }
  return hops
}

function hopOfElement({ for: from = 'unknown', host, proto }: ForwardedElement): Hop {
  const bare = /^\[([^[\]]*)\]$/.exec(from)?.[1] ?? from
  return { address: /^[!-+\--~]+$/.test(bare) ? bare : 'unknown', host, proto }
}

function forwardedHop({ address, host, proto }: Hop): string {
  const details = Object.entries({ host, proto }).flatMap(([name, value]) =>
    value === undefined ? [] : `;${name}=${tokenOrQuoted(value)}`,
  )
  return `for=${node(address)}${details.join('')}`
}

function hopDetail(name: string, hop: Hop | undefined): string | undefined {
  if (name === 'x-forwarded-host') return hop?.host
  return name === 'x-forwarded-proto' ? hop?.proto : undefined
}

/**
 * Finds the client behind trusted proxies; undefined if a proxy sent an address that cannot be
 * parsed.
 */
function clientOf({ addresses, peerAddress }: Provenance, report: readonly string[] | undefined) {
  try {
    return addresses.originOf(peerAddress, report?.join(','))
  } catch {
    return undefined
  }
}

/**
 * Returns the leftmost element that a trusted proxy added. Elements further left were sent by the
 * client.
 */
function trustedElement<T>(list: readonly T[], proxies: number): T | undefined {
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

/** Collects the provenance headers that a trusted peer wrote, by lower-case name. */
function receivedProvenance({ rawHeaders, addresses }: Provenance): Map<string, string[]> {
  const received = new Map<string, string[]>()
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const name = rawHeaders[index]?.toLowerCase() ?? ''
    // A header in another spelling was sent by the client, and the proxy only passed it on.
    if (!isProvenance(name, addresses.header) || foldedName(name) !== name) continue
    const values = received.get(name)
    const value = rawHeaders[index + 1] ?? ''
    if (values === undefined) received.set(name, [value])
    else values.push(value)
  }
  return received
}

/** @param header the header in which the proxy reports the address of the client */
function isProvenance(name: string, header: string): boolean {
  const isDetail = header === FORWARDED_FOR && FORWARDED_DETAILS.includes(name)
  return name === header || name === 'x-real-ip' || isDetail || namesUser(name)
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
