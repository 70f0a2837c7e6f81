import { EvaluationError } from '@marcbachmann/cel-js'
import { clientAddressReader, parseIpAddress } from 'sluice/http'
import { BoundedCache } from 'sluice/internal'

/** A network such as `10.0.0.0/8`. The names are those of CEL's network extension. */
export class Cidr {
  readonly #contains: (address: string) => boolean

  /** @throws TypeError for a string that is not a network */
  constructor(network: string) {
    this.#contains = clientAddressReader({ trustedProxies: [network] }).isTrusted
  }

  /**
   * Reports whether an address is in the network. An IPv6 client's `ip` is its network, such as
   * `2001:db8:0:0:0:0:0:0/64`, of which the first address decides.
   *
   * @throws EvaluationError for a string that is not an address
   */
  containsIP(address: string): boolean {
    const slash = address.indexOf('/')
    const bare = slash === -1 ? address : address.slice(0, slash)
    if (parseIpAddress(bare) === undefined)
      throw new EvaluationError({ code: NOT_AN_ADDRESS, message: 'the string is not an IP address' })
    return this.#contains(bare)
  }
}

/** The code of the error for a string that is not an address. */
export const NOT_AN_ADDRESS = 'not_an_address'

export const CIDR_TYPE = 'net.CIDR'

/** The networks that expressions name, which are literals of configuration files. */
const networks = new BoundedCache<string, Cidr>(1000)

function cidr(network: string): Cidr {
  const known = networks.get(network)
  if (known !== undefined) return known
  const parsed = new Cidr(network)
  networks.set(network, parsed)
  return parsed
}

/** Reports whether a string is a network, with a prefix length. */
export function isNetwork(network: string): boolean {
  try {
    return network.includes('/') && cidr(network) !== undefined
  } catch {
    return false
  }
}

/** Returns the functions by name and signature. */
export function networkFunctions(
  prefix: string,
): Record<string, Record<string, (...args: never[]) => unknown>> {
  return {
    cidr: { [`${prefix}cidr(string): ${CIDR_TYPE}`]: cidr },
    containsIP: {
      [`${CIDR_TYPE}.${prefix}containsIP(string): bool`]: (network: Cidr, address: string) =>
        network.containsIP(address),
    },
  }
}
