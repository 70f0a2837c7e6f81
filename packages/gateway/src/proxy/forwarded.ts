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
  /** The Host header of the client; undefined where it sent none. */
  readonly clientHost: string | undefined
  /** By what the peer reached the gateway. */
  readonly proto: 'http' | 'https'
}

/**
 * Whether a header says where a request came from or what it was for, so that only a trusted proxy may send it.
 *
 * @param name in lower case, `_` replaced by `-`: some upstreams take both for the same name.
 */
export function isProvenance(name: string): boolean {
  return name.startsWith('x-forwarded-') || PROVENANCE.has(name)
}

const PROVENANCE: ReadonlySet<string> = new Set([
  'forwarded',
  'x-real-ip',
  // These replace the path or the method for upstreams that know them: past the limit of what was asked for.
  'x-original-url',
  'x-rewrite-url',
  'x-http-method',
  'x-http-method-override',
  'x-method-override',
])

/**
 * The provenance headers to send, as name, value, name, value.
 *
 * A trusted proxy's lists are appended to, and what it says of the client's host and protocol stands. From anybody
 * else nothing is kept.
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
  const told = from.peerTrusted ? toldHeaders(from.rawHeaders) : new Map<string, string>()
  const chain = told.get('x-forwarded-for')
  const sent = new Map(told)
  sent.set('x-forwarded-for', listed(chain, peer === '' ? 'unknown' : peer))
  if (!sent.has('x-forwarded-proto')) sent.set('x-forwarded-proto', from.proto)
  if (!sent.has('x-forwarded-host') && from.clientHost !== undefined) {
    sent.set('x-forwarded-host', from.clientHost)
  }
  if (!from.peerTrusted && peer !== '') sent.set('x-real-ip', peer)
  // A proxy that speaks only the older header would else vanish behind a Forwarded that begins with itself.
  const earlier =
    told.get('forwarded') ??
    chain
      ?.split(',')
      .map((hop) => `for=${node(hop.trim())}`)
      .join(', ')
  sent.set('forwarded', listed(earlier, forwardedElement(peer, from)))
  return [...sent].flat()
}

/** The provenance that a trusted peer sent, by name in lower case; lines of one name are joined. */
function toldHeaders(rawHeaders: readonly string[]): Map<string, string> {
  const told = new Map<string, string>()
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    // Spelt with `_` it is not the proxy's own but something that it let through.
    const name = rawHeaders[index]?.toLowerCase() ?? ''
    const value = rawHeaders[index + 1] ?? ''
    if (isProvenance(name) && value !== '') told.set(name, listed(told.get(name), value))
  }
  return told
}

function listed(earlier: string | undefined, value: string): string {
  return earlier === undefined ? value : `${earlier}, ${value}`
}

function forwardedElement(peer: string, { clientHost, proto }: Provenance): string {
  const host = clientHost === undefined ? '' : `;host=${tokenOrQuoted(clientHost)}`
  return `for=${node(peer)}${host};proto=${proto}`
}

/** RFC 7239 section 6: IPv6 in brackets, which need quotes. */
function node(address: string): string {
  if (address === '') return 'unknown'
  const bare = address.includes(':') && /^[0-9a-fA-F:.]+$/.test(address)
  return tokenOrQuoted(bare ? `[${address}]` : address)
}

function tokenOrQuoted(text: string): string {
  return /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(text) ? text : `"${text.replace(/["\\]/g, '\\$&')}"`
}

/** An address without what only means something on this machine: the IPv6 form of an IPv4 peer, the zone. */
function plainAddress(address: string): string {
  const zoneAt = address.indexOf('%')
  const bare = zoneAt === -1 ? address : address.slice(0, zoneAt)
  return /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(bare)?.[1] ?? bare
}
