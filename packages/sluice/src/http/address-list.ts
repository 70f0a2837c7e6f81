import { BlockList } from 'node:net'
import { type OptionPath, OptionTypeError } from '../option-error.js'
import { canonicalText, type IpAddress, parseIpAddress } from './ip-address.js'

/** A set of addresses and networks. */
export interface AddressList {
  /** Reports whether an address, in any notation, is in the list. */
  has(address: string | IpAddress): boolean
}

/**
 * Addresses by family. In a single list, `::/0` would match every IPv4 address as a mapped IPv6
 * address.
 */
type Lists = Readonly<Record<IpAddress['family'], BlockList>>

/**
 * Creates a list of addresses and networks such as `10.0.0.0/8`, `::1` or `2001:db8::/32`. An
 * IPv4-mapped network is the IPv4 network.
 *
 *     const office = addressList(['192.0.2.0/24', '2001:db8::/32'], ['allow'])
 *     console.log(office.has('::ffff:192.0.2.7')) // true
 *
 * @param path the path of the option, for errors
 * @throws TypeError for a string that is not an address or network
 */
export function addressList(entries: readonly string[], path: OptionPath): AddressList {
  if (!Array.isArray(entries))
    throw new OptionTypeError(
      path,
      `'${path.join('.')}' must be a list of addresses and networks such as ['10.0.0.0/8', '::1']`,
    )
  const lists: Lists = { 4: new BlockList(), 6: new BlockList() }
  for (const [index, entry] of entries.entries()) addEntry(lists, String(entry), [...path, index])
  return {
    has(address) {
      const parsed = typeof address === 'string' ? parseIpAddress(address) : address
      return parsed !== undefined && lists[parsed.family].check(canonicalText(parsed), `ipv${parsed.family}`)
    },
  }
}

function addEntry(lists: Lists, entry: string, path: OptionPath): void {
  const network = parseNetwork(entry)
  if (network === undefined) {
    throw new OptionTypeError(
      path,
      `'${entry.slice(0, 60)}' is not an address or network; use a value such as 10.0.0.0/8 or ::1`,
    )
  }
  const { address, prefix } = network
  lists[address.family].addSubnet(canonicalText(address), prefix, `ipv${address.family}`)
}

/** An address and the number of leading bits that the addresses of its network share. */
export interface Network {
  readonly address: IpAddress
  readonly prefix: number
}

/**
 * Parses an address or a network. An IPv4-mapped network is the IPv4 network, and an address is a
 * network of one. Returns undefined for any other string.
 */
export function parseNetwork(text: string): Network | undefined {
  const [host = '', length, ...more] = text.split('/')
  const address = parseIpAddress(host)
  const bits = address?.family === 4 ? 32 : 128
  // The prefix of a mapped network includes its 96 fixed bits.
  const prefix = length === undefined ? bits : Number(length) - (host.includes(':') && bits === 32 ? 96 : 0)
  const digits = length === undefined || /^\d{1,3}$/.test(length)
  // Translated addresses count as IPv4, so a network of them would be a network of IPv4 peers.
  const translated = length !== undefined && length !== '128' && /^0*64:0*ff9b:/i.test(host)
  if (address === undefined || !digits || more.length > 0 || prefix < 0 || prefix > bits || translated)
    return undefined
  return { address, prefix }
}
