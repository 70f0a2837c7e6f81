import type { ClientAddressReader } from 'sluice/http'
import { foldedName, namesUser } from '../../policy/headers/steering-headers.js'

/** Who a request came from and by what way, for the upstream: `Forwarded` (RFC 7239) and its older relatives. */
export interface Provenance {
  /** The connection to the peer. */
  readonly connection: object
  /** The headers as the peer sent them: name, value, name, value. */
  readonly rawHeaders: readonly string[]
  /** Address of the peer that holds the connection; IPv4-mapped IPv6 and a zone are understood. */
  readonly peerAddress: string
  /** Whether the peer is a proxy whose word on where the request came from is taken. */
  readonly peerTrusted: boolean
  /** Finds the client behind trusted proxies. */
  readonly addresses: Pick<ClientAddressReader, 'originOf'>
  /** The host that the client asked for; undefined where it named none. */
  readonly clientHost: string | undefined
  /** By what the peer reached the gateway. */
  readonly proto: 'http' | 'https'
}

/** What a trusted proxy says of a request, and is passed on: lists to which each proxy adds its part. */
const ADDRESSES = 'x-forwarded-for'
const CIRCUMSTANCES: readonly string[] = ['x-forwarded-host', 'x-forwarded-proto', 'x-forwarded-port']

/**
 * The provenance headers to send, as name, value, name, value.
 *
 * Of a trusted proxy `X-Forwarded-For` is appended to, and its word on the client's host, protocol, port and user is
 * kept. `Forwarded` and `X-Real-IP` are the gateway's own: a proxy that writes only `X-Forwarded-For` lets the client's
 * through. From other peers nothing is kept.
 */
export function provenanceHeaders(from: Provenance): readonly string[] {
  return from.peerTrusted ? headersOf(from) : headersOfConnection(from)
}

/** What was last sent of each connection to a peer that is not trusted: mostly it asks for the same host again. */
const lastOf = new WeakMap<object, { readonly host: string | undefined; readonly headers: string[] }>()

/** What a peer that is not trusted sends is not looked at, so that all its requests for one host get the same. */
function headersOfConnection(from: Provenance): readonly string[] {
  const last = lastOf.get(from.connection)
  if (last !== undefined && last.host === from.clientHost) return last.headers
  const headers = headersOf(from)
  lastOf.set(from.connection, { host: from.clientHost, headers })
  return headers
}

function headersOf(from: Provenance): string[] {
  const peer = plainAddress(from.peerAddress)
  const told = from.peerTrusted ? toldHeaders(from.rawHeaders) : new Map<string, string[]>()
  const chain = elements(told.get(ADDRESSES))
  const origin = from.peerTrusted ? originOf(from, chain) : { address: peer, proxies: 0 }
  const headers = [ADDRESSES, [...chain, peer === '' ? 'unknown' : peer].join(', ')]
  for (const name of CIRCUMSTANCES) {
    const value =
      trustedElement(elements(told.get(name)), origin?.proxies ?? 1) ?? ownCircumstance(name, from)
    if (value !== undefined) headers.push(name, value)
  }
  for (const [name, values] of told) if (namesUser(name)) headers.push(name, values.join(', '))
  // Behind a proxy that names no client, the peer is not known to be one.
  const isKnown = !from.peerTrusted || chain.length > 0 || told.has('x-real-ip')
  if (isKnown && origin !== undefined && origin.address !== '')
    headers.push('x-real-ip', shortest(origin.address))
  // A proxy that speaks only the older header would else vanish behind a Forwarded that begins with itself.
  const earlier = chain.map((hop) => `for=${node(hop)}`)
  headers.push('forwarded', [...earlier, forwardedElement(peer, from)].join(', '))
  return headers
}

/** Undefined where a proxy wrote an address that cannot be read. */
function originOf({ addresses, peerAddress }: Provenance, chain: readonly string[]) {
  try {
    return addresses.originOf(peerAddress, chain.length === 0 ? undefined : chain.join(','))
  } catch {
    return undefined
  }
}

/** Each trusted proxy adds at most one element; what stands further to the left is the client's own. */
function trustedElement(list: readonly string[], proxies: number): string | undefined {
  return list[Math.max(0, list.length - proxies)]
}

function ownCircumstance(name: string, { proto, clientHost }: Provenance): string | undefined {
  switch (name) {
    case 'x-forwarded-proto':
      return proto
    case 'x-forwarded-host':
      return clientHost
    default:
      return undefined
  }
}

/** The provenance that a trusted peer sent, by name in lower case. */
function toldHeaders(rawHeaders: readonly string[]): Map<string, string[]> {
  const told = new Map<string, string[]>()
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const name = rawHeaders[index]?.toLowerCase() ?? ''
    // In any other spelling it is not the proxy's own but something that it let through.
    if (!isTold(name) || foldedName(name) !== name) continue
    const values = told.get(name)
    const value = rawHeaders[index + 1] ?? ''
    if (values === undefined) told.set(name, [value])
    else values.push(value)
  }
  return told
}

function isTold(name: string): boolean {
  return name === ADDRESSES || name === 'x-real-ip' || CIRCUMSTANCES.includes(name) || namesUser(name)
}

/** The elements of a list; empty ones say nothing (RFC 9110 section 5.6.1). */
function elements(lines: readonly string[] = []): string[] {
  return lines
    .flatMap((line) => line.split(',').map((element) => element.trim()))
    .filter((text) => text !== '')
}

function forwardedElement(peer: string, { clientHost, proto }: Provenance): string {
  const host = clientHost === undefined ? '' : `;host=${tokenOrQuoted(clientHost)}`
  return `for=${node(peer)}${host};proto=${proto}`
}

/** RFC 7239 section 6: IPv6 in brackets, which need quotes. */
function node(address: string): string {
  if (address === '') return 'unknown'
  const bare = /^[0-9a-fA-F]*:[0-9a-fA-F]*:[0-9a-fA-F:.]*$/.test(address)
  return tokenOrQuoted(bare ? `[${address}]` : address)
}

function tokenOrQuoted(text: string): string {
  return /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(text) ? text : `"${text.replace(/["\\]/g, '\\$&')}"`
}

/** IPv6 as RFC 5952 writes it. */
function shortest(address: string): string {
  return address.includes(':') ? new URL(`http://[${address}]`).hostname.slice(1, -1) : address
}

/** An address without what only means something on this machine: the IPv6 form of an IPv4 peer, the zone. */
function plainAddress(address: string): string {
  const zoneAt = address.indexOf('%')
  const bare = zoneAt === -1 ? address : address.slice(0, zoneAt)
  return /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(bare)?.[1] ?? bare
}
