import { BlockList } from 'node:net'
import { BoundedCache } from '../bounded-cache.js'
import { OptionRangeError, OptionTypeError } from '../option-error.js'
import { RequestError } from '../rules/request-error.js'
import { canonicalText, type IpAddress, parseIpAddress } from './ip-address.js'

export interface ClientAddressOptions {
  /**
   * Addresses and networks (`10.0.0.0/8`, `::1`) of the proxies in front of this server. Only what they say in
   * `X-Forwarded-For` is believed. Default: none, so that the header is ignored.
   */
  readonly trustedProxies?: readonly string[]
  /** Length of the IPv6 prefix that counts as one client, 1 to 128; default 64, which is what one customer is given. */
  readonly ipv6Subnet?: number
}

export interface ClientAddressReader {
  /**
   * The address of the client, in the one form in which it is counted.
   *
   * `X-Forwarded-For` is read from the right: each proxy adds the address that it saw, so that an entry is worth as much
   * as the one who added it. The client is the first that is no trusted proxy; whatever it wrote there itself lies
   * further to the left and is never reached.
   *
   * @throws RequestError where an address that should be believed cannot be read.
   */
  clientOf(peer: string | undefined, forwardedFor: string | undefined): string
  /**
   * Where a request came from, before an IPv6 address is reduced to its subnet.
   *
   * @throws RequestError where an address that should be believed cannot be read.
   */
  originOf(peer: string | undefined, forwardedFor: string | undefined): RequestOrigin
  /** Whether an address belongs to a trusted proxy. */
  isTrusted(address: string | undefined): boolean
}

/** Where a request came from. */
interface RequestOrigin {
  /** The address of the client, in its canonical form. */
  readonly address: string
  /** How many trusted proxies the request came through. */
  readonly proxies: number
}

/** Addresses that are read once and not at each request: reading one takes 0.2 µs, and many requests come over one connection. */
const MAX_KNOWN_PEERS = 1000

/** @throws TypeError, RangeError for what is no address, network or prefix length. */
export function clientAddressReader(options: ClientAddressOptions = {}): ClientAddressReader {
  const { trustedProxies = [], ipv6Subnet = 64 } = options
  if (!Number.isInteger(ipv6Subnet) || ipv6Subnet < 1 || ipv6Subnet > 128) {
    throw new OptionRangeError(
      ['ipv6Subnet'],
      `'ipv6Subnet' is a whole number from 1 to 128, not ${String(ipv6Subnet)}`,
    )
  }
  const trusted = trustedProxies.length === 0 ? undefined : networks(trustedProxies)
  const trusts = (address: IpAddress) =>
    trusted?.[address.family].check(canonicalText(address), `ipv${address.family}`) ?? false

  const peers = new BoundedCache<string, string>(MAX_KNOWN_PEERS)
  const clientOfPeer = (peer: string): string => {
    const before = peers.get(peer)
    if (before !== undefined) return before
    const client = canonicalText(readPeer(peer), ipv6Subnet)
    peers.set(peer, client)
    return client
  }

  const trace = (peer: string | undefined, forwardedFor: string | undefined) => {
    let address = readPeer(peer)
    let proxies = 0
    // A list may have empty elements, which say nothing (RFC 9110 section 5.6.1).
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

/** Networks by family: one list would have `::/0` match every IPv4 address, as an IPv6 address that is mapped. */
type Networks = Readonly<Record<IpAddress['family'], BlockList>>

function networks(proxies: readonly string[]): Networks {
  const lists: Networks = { 4: new BlockList(), 6: new BlockList() }
  for (const [index, proxy] of proxies.entries()) {
    const [text = '', length, ...more] = String(proxy).split('/')
    const address = parseIpAddress(text)
    const bits = address?.family === 4 ? 32 : 128
    // A network of mapped addresses counts its 96 fixed bits.
    const prefix = length === undefined ? bits : Number(length) - (text.includes(':') && bits === 32 ? 96 : 0)
    const digits = length === undefined || /^\d{1,3}$/.test(length)
    // Addresses that are translated to IPv4 count as IPv4: a network of them would be one of IPv4 peers.
    const translated = length !== undefined && length !== '128' && /^0*64:0*ff9b:/i.test(text)
    if (address === undefined || !digits || more.length > 0 || prefix < 0 || prefix > bits || translated) {
      throw new OptionTypeError(
        ['trustedProxies', index],
        `'${String(proxy).slice(0, 60)}' is no address or network; write for example 10.0.0.0/8 or ::1`,
      )
    }
    lists[address.family].addSubnet(canonicalText(address), prefix, `ipv${address.family}`)
  }
  return lists
}

function readPeer(peer: string | undefined): IpAddress {
  const address = peer === undefined ? undefined : parseIpAddress(peer)
  if (address === undefined) throw new RequestError('the address of the connection cannot be read')
  return address
}

/** An entry of X-Forwarded-For, which some proxies write with a port or in brackets. */
function readEntry(entry: string): IpAddress {
  const text = entry.trim()
  const bare = /^\[([^\]]*)\](?::\d{1,5})?$/.exec(text)?.[1] ?? /^([\d.]+):\d{1,5}$/.exec(text)?.[1] ?? text
  const address = parseIpAddress(bare)
  if (address === undefined) throw new RequestError("an address in 'X-Forwarded-For' cannot be read")
  return address
}
