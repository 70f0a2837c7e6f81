import { BlockList } from 'node:net'
import { BoundedCache } from '../bounded-cache.js'
import { OptionRangeError, OptionTypeError } from '../option-error.js'
import { RequestError } from '../rules/request-error.js'
import { canonicalText, type IpAddress, parseIpAddress } from './ip-address.js'

export interface ClientAddressOptions {
  /**
   * Addresses and networks (`10.0.0.0/8`, `::1`) of the proxies in front of this server. Only their
   * entries in `X-Forwarded-For` are trusted. Default: none; the header is ignored.
   */
  readonly trustedProxies?: readonly string[]
  /**
   * Length of the IPv6 prefix that is counted as one client, from 1 to 128. Default 64, the prefix
   * that a customer usually receives.
   */
  readonly ipv6Subnet?: number
}

export interface ClientAddressReader {
  /**
   * Returns the address of the client in canonical form, with IPv6 addresses reduced to their
   * subnet.
   *
   * `X-Forwarded-For` is read from the right, because each proxy appends the address that it saw.
   * The client is the first address that is not a trusted proxy. Entries that the client itself
   * sent are further left and never reached.
   *
   * @throws RequestError if the address of the connection or an entry of a trusted proxy is
   *   malformed
   */
  clientOf(peer: string | undefined, forwardedFor: string | undefined): string
  /**
   * Returns the origin of a request. An IPv6 address is not reduced to its subnet.
   *
   * @throws RequestError if the address of the connection or an entry of a trusted proxy is
   *   malformed
   */
  originOf(peer: string | undefined, forwardedFor: string | undefined): RequestOrigin
  /** Reports whether an address belongs to a trusted proxy. */
  isTrusted(address: string | undefined): boolean
}

/** The origin of a request. */
interface RequestOrigin {
  /** The address of the client, in its canonical form. */
  readonly address: string
  /** Number of trusted proxies that the request passed through. */
  readonly proxies: number
}

/**
 * Maximum number of cached peer addresses. Parsing one takes 0.2 µs, and many requests share a
 * connection.
 */
const MAX_CACHED_PEERS = 1000

/**
 * Creates a reader of client addresses.
 *
 * @throws TypeError for a string that is not an address or network
 * @throws RangeError for a prefix length out of range
 */
export function clientAddressReader(options: ClientAddressOptions = {}): ClientAddressReader {
  const { trustedProxies = [], ipv6Subnet = 64 } = options
  if (!Number.isInteger(ipv6Subnet) || ipv6Subnet < 1 || ipv6Subnet > 128) {
    throw new OptionRangeError(
      ['ipv6Subnet'],
      `'ipv6Subnet' must be a whole number from 1 to 128, not ${String(ipv6Subnet)}`,
    )
  }
  const trusted = trustedProxies.length === 0 ? undefined : networks(trustedProxies)
  const trusts = (address: IpAddress) =>
    trusted?.[address.family].check(canonicalText(address), `ipv${address.family}`) ?? false

  const peers = new BoundedCache<string, string>(MAX_CACHED_PEERS)
  const clientOfPeer = (peer: string): string => {
    const cached = peers.get(peer)
    if (cached !== undefined) return cached
    const client = canonicalText(readPeer(peer), ipv6Subnet)
    peers.set(peer, client)
    return client
  }

  const trace = (peer: string | undefined, forwardedFor: string | undefined) => {
    let address = readPeer(peer)
    let proxies = 0
    // Empty elements of a list carry no information (RFC 9110 section 5.6.1).
    const entries = forwardedFor?.split(',').filter((entry) => entry.trim() !== '') ?? []
    while (trusts(address)) {
      proxies += 1
      const entry = entries.pop()
      if (entry === undefined) break
      address = readEntry(entry)
    }
    return { address, proxies }
  }

  return {
    clientOf(peer, forwardedFor) {
      if (peer !== undefined && (forwardedFor === undefined || trusted === undefined))
        return clientOfPeer(peer)
      return canonicalText(trace(peer, forwardedFor).address, ipv6Subnet)
    },
    originOf(peer, forwardedFor) {
      const { address, proxies } = trace(peer, forwardedFor)
      return { address: canonicalText(address), proxies }
    },
    isTrusted(address) {
      const parsed = address === undefined ? undefined : parseIpAddress(address)
      return parsed !== undefined && trusts(parsed)
    },
  }
}

/**
 * Networks by family. In a single list, `::/0` would match every IPv4 address as a mapped IPv6
 * address.
 */
type Networks = Readonly<Record<IpAddress['family'], BlockList>>

function networks(proxies: readonly string[]): Networks {
  const lists: Networks = { 4: new BlockList(), 6: new BlockList() }
  for (const [index, proxy] of proxies.entries()) {
    const [host = '', length, ...more] = String(proxy).split('/')
    const address = parseIpAddress(host)
    const bits = address?.family === 4 ? 32 : 128
    // The prefix of a mapped network includes its 96 fixed bits.
    const prefix = length === undefined ? bits : Number(length) - (host.includes(':') && bits === 32 ? 96 : 0)
    const digits = length === undefined || /^\d{1,3}$/.test(length)
    // Translated addresses count as IPv4, so a network of them would be a network of IPv4 peers.
    const translated = length !== undefined && length !== '128' && /^0*64:0*ff9b:/i.test(host)
    if (address === undefined || !digits || more.length > 0 || prefix < 0 || prefix > bits || translated) {
      throw new OptionTypeError(
        ['trustedProxies', index],
        `'${String(proxy).slice(0, 60)}' is not an address or network; use a value such as 10.0.0.0/8 or ::1`,
      )
    }
    lists[address.family].addSubnet(canonicalText(address), prefix, `ipv${address.family}`)
  }
  return lists
}

function readPeer(peer: string | undefined): IpAddress {
  const address = peer === undefined ? undefined : parseIpAddress(peer)
  if (address === undefined) throw new RequestError('the connection has no valid IP address')
  return address
}

/** Parses an entry of X-Forwarded-For, which some proxies write with a port or in brackets. */
function readEntry(entry: string): IpAddress {
  const text = entry.trim()
  const bare = /^\[([^\]]*)\](?::\d{1,5})?$/.exec(text)?.[1] ?? /^([\d.]+):\d{1,5}$/.exec(text)?.[1] ?? text
  const address = parseIpAddress(bare)
  if (address === undefined) throw new RequestError("'X-Forwarded-For' contains an invalid address")
  return address
}
