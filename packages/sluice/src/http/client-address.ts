import { BoundedCache } from '../bounded-cache.js'
import { OptionRangeError, OptionTypeError } from '../option-error.js'
import { RequestError } from '../rules/request-error.js'
import { addressList } from './address-list.js'
import { forwardedElements } from './forwarded-header.js'
import { canonicalText, type IpAddress, parseIpAddress } from './ip-address.js'

/** The headers in which proxies report the address of the client. */
const FORWARDED_HEADERS = ['x-forwarded-for', 'forwarded'] as const

/** A header in which proxies report the address of the client. */
export type ForwardedHeader = (typeof FORWARDED_HEADERS)[number]

export interface ClientAddressOptions {
  /**
   * The proxies in front of this server: their addresses and networks (`10.0.0.0/8`, `::1`), or
   * their number. Only their entries in `forwardedHeader` are trusted. Default: in the adapters, the
   * proxies that the framework trusts (`trust proxy` of Express, `trustProxy` of Fastify, `proxy` of
   * Koa), unless it trusts every sender; otherwise none, and the header is ignored.
   *
   * With a number from 0 to 100, the last entries are trusted regardless of who wrote them: with
   * `1`, the client is the last entry. Use a number only if clients cannot reach this server without
   * passing through that many proxies, because a client that can would choose its address.
   */
  readonly trustedProxies?: readonly string[] | number
  /**
   * The header that the trusted proxies write: `x-forwarded-for`, or `forwarded` (RFC 7239). The
   * other one is ignored, because a proxy passes it on as the client sent it. Default:
   * `x-forwarded-for`. Requires `trustedProxies`.
   */
  readonly forwardedHeader?: ForwardedHeader
  /**
   * Length of the IPv6 prefix that is counted as one client, from 1 to 128. Default 64, the prefix
   * that a customer usually receives.
   */
  readonly ipv6Subnet?: number
}

export interface ClientAddressReader {
  /** The header to pass to the methods. */
  readonly header: ForwardedHeader
  /** True if any proxy is trusted. Otherwise the header has no effect. */
  readonly isBehindProxies: boolean
  /**
   * Returns the address of the client in canonical form, with IPv6 addresses reduced to their
   * subnet.
   *
   * The header is read from the right, because each proxy appends the address that it saw. The
   * client is the first address that is not a trusted proxy. Entries that the client itself sent are
   * further left and never reached. A proxy may report that it does not know the address (`unknown`,
   * or an obfuscated identifier such as `_hidden`). The request then counts as coming from that
   * proxy.
   *
   * @param peer the address of the peer of the connection
   * @param forwarded all lines of the header, joined with commas
   * @param hops the number of trusted proxies from the peer on, instead of `trustedProxies`
   * @throws RequestError if the address of the connection or an entry of a trusted proxy is
   *   malformed
   */
  clientOf(peer: string | undefined, forwarded: string | undefined, hops?: number): string
  /**
   * Returns the origin of a request. An IPv6 address is not reduced to its subnet.
   *
   * @throws RequestError if the address of the connection or an entry of a trusted proxy is
   *   malformed
   */
  originOf(peer: string | undefined, forwarded: string | undefined, hops?: number): RequestOrigin
  /** Reports whether the peer of a connection is a trusted proxy. */
  isTrusted(peer: string | undefined): boolean
}

/** The origin of a request. */
export interface RequestOrigin {
  /**
   * The address of the client in canonical form, or of the last proxy if that proxy does not know
   * the client's address.
   */
  readonly address: string
  /** False if the last trusted proxy reports that it does not know the client's address. */
  readonly isKnown: boolean
  /** Number of trusted proxies that the request passed through. */
  readonly proxies: number
}

/**
 * Maximum number of cached peer addresses. Parsing one takes 0.2 µs, and many requests share a
 * connection.
 */
const MAX_CACHED_PEERS = 1000

/** Maximum number of trusted proxies. */
const MAX_HOPS = 100

/**
 * Creates a reader of client addresses.
 *
 * @throws TypeError for a string that is not an address or network, and for an unknown header
 * @throws RangeError for a prefix length or number of proxies out of range
 */
export function clientAddressReader(options: ClientAddressOptions = {}): ClientAddressReader {
  const { trustedProxies = [], forwardedHeader = 'x-forwarded-for', ipv6Subnet = 64 } = options
  if (!Number.isInteger(ipv6Subnet) || ipv6Subnet < 1 || ipv6Subnet > 128) {
    throw new OptionRangeError(
      ['ipv6Subnet'],
      `'ipv6Subnet' must be a whole number from 1 to 128, not ${String(ipv6Subnet)}`,
    )
  }
  if (!FORWARDED_HEADERS.includes(forwardedHeader)) {
    throw new OptionTypeError(
      ['forwardedHeader'],
      `'forwardedHeader' must be 'x-forwarded-for' or 'forwarded', not '${String(forwardedHeader).slice(0, 60)}'`,
    )
  }
  if (options.forwardedHeader !== undefined && options.trustedProxies === undefined) {
    throw new OptionTypeError(
      ['forwardedHeader'],
      "'forwardedHeader' requires 'trustedProxies', since only the headers of trusted proxies are read",
    )
  }
  const configured = configuredTrust(trustedProxies)
  const entriesOf = forwardedHeader === 'forwarded' ? forwardedEntries : listEntries

  const peers = new BoundedCache<string, string>(MAX_CACHED_PEERS)
  const clientOfPeer = (peer: string): string => {
    const cached = peers.get(peer)
    if (cached !== undefined) return cached
    const client = canonicalText(readPeer(peer), ipv6Subnet)
    peers.set(peer, client)
    return client
  }

  const trace = (
    peer: string | undefined,
    forwarded: string | undefined,
    trusts: AddressTrust | undefined,
  ) => {
    let address = readPeer(peer)
    let proxies = 0
    const entries = entriesOf(forwarded ?? '')
    while (trusts?.(address, proxies)) {
      proxies += 1
      const entry = entries.next()
      if (entry.done) break
      const reported = readNode(entry.value, forwardedHeader)
      if (reported === undefined) return { address, isKnown: false, proxies }
      address = reported
    }
    return { address, isKnown: true, proxies }
  }

  return {
    header: forwardedHeader,
    isBehindProxies: configured !== undefined,
    clientOf(peer, forwarded, hops) {
      const trusts = hops === undefined ? configured : trustInHops(hops)
      if (peer !== undefined && (forwarded === undefined || trusts === undefined)) return clientOfPeer(peer)
      return canonicalText(trace(peer, forwarded, trusts).address, ipv6Subnet)
    },
    originOf(peer, forwarded, hops) {
      const trusts = hops === undefined ? configured : trustInHops(hops)
      const { address, ...rest } = trace(peer, forwarded, trusts)
      return { address: canonicalText(address), ...rest }
    },
    isTrusted(peer) {
      const parsed = peer === undefined ? undefined : parseIpAddress(peer)
      return parsed !== undefined && configured?.(parsed, 0) === true
    },
  }
}

type AddressTrust = (address: IpAddress, hop: number) => boolean

function trustInHops(hops: number): AddressTrust | undefined {
  return hops === 0 ? undefined : (_address, hop) => hop < hops
}

/** Returns the trust in the configured proxies; undefined if there are none. */
function configuredTrust(proxies: readonly string[] | number): AddressTrust | undefined {
  if (typeof proxies === 'number') {
    if (!Number.isInteger(proxies) || proxies < 0 || proxies > MAX_HOPS)
      throw new OptionRangeError(
        ['trustedProxies'],
        `the number of 'trustedProxies' must be a whole number from 0 to ${MAX_HOPS}, not ${proxies}`,
      )
    return trustInHops(proxies)
  }
  const trusted = addressList(proxies, ['trustedProxies'])
  return proxies.length === 0 ? undefined : (address) => trusted.has(address)
}

/**
 * Yields the entries of a list from right to left. Empty elements carry no information (RFC 9110
 * section 5.6.1).
 */
function* listEntries(header: string): Generator<string, void> {
  for (let end = header.length; end > 0; ) {
    const comma = header.lastIndexOf(',', end - 1)
    const entry = header.slice(comma + 1, end).trim()
    if (entry !== '') yield entry
    end = comma
  }
}

/** Yields the nodes in a `Forwarded` header from right to left. */
function* forwardedEntries(header: string): Generator<string, void> {
  for (const element of forwardedElements(header)) {
    if (element === undefined) throw new RequestError("'Forwarded' is malformed")
    // A proxy that does not name the sender does not know it.
    yield element.for ?? 'unknown'
  }
}

function readPeer(peer: string | undefined): IpAddress {
  const address = peer === undefined ? undefined : parseIpAddress(peer)
  if (address === undefined) throw new RequestError('the connection has no valid IP address')
  return address
}

/**
 * Parses a node (RFC 7239 section 6), which may have a port. IPv6 addresses are accepted without
 * brackets too, as in X-Forwarded-For. Returns undefined if the proxy does not disclose the address.
 */
function readNode(text: string, header: ForwardedHeader): IpAddress | undefined {
  const [, bracketed, plain] =
    /^(?:\[([^\]]*)\]|([^:[\]]*))(?::(?:\d{1,5}|_[A-Za-z0-9._-]+))?$/.exec(text) ?? []
  const name = bracketed ?? plain ?? text
  const address = parseIpAddress(name)
  if (address !== undefined) return address
  if (plain !== undefined && /^(?:unknown|_[A-Za-z0-9._-]+)$/i.test(plain)) return undefined
  const title = header === 'forwarded' ? 'Forwarded' : 'X-Forwarded-For'
  throw new RequestError(`'${title}' contains an invalid address`)
}
