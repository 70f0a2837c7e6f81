import { canonicalText, type IpAddress } from 'sluice/http'
import { type Network, parseNetwork } from 'sluice/internal'

/**
 * A map from networks to values. A lookup takes one step for each distinct prefix length in the map:
 * at most 33 for IPv4 and 129 for IPv6.
 */
export class NetworkMap<Value> {
  /** The values by family, by prefix length in descending order, and by network. */
  readonly #prefixes: Record<IpAddress['family'], Map<number, Map<string, Value>>> = {
    4: new Map(),
    6: new Map(),
  }

  /** @param entries networks or single addresses, which must be valid */
  constructor(entries: Iterable<readonly [network: string, value: Value]>) {
    for (const [text, value] of entries) {
      const network = parseNetwork(text)
      if (network === undefined) throw new TypeError(`'${text}' is not an address or network`)
      const { address, prefix } = network
      const lengths = this.#prefixes[address.family]
      const networks = lengths.get(prefix) ?? new Map<string, Value>()
      networks.set(masked(network), value)
      lengths.set(prefix, networks)
    }
    for (const family of [4, 6] as const)
      this.#prefixes[family] = new Map([...this.#prefixes[family]].sort(([one], [other]) => other - one))
  }

  /** Lists the values of all networks that contain the address, the smallest network first. */
  *valuesFor(address: IpAddress): Generator<Value> {
    for (const [prefix, networks] of this.#prefixes[address.family]) {
      const value = networks.get(masked({ address, prefix }))
      if (value !== undefined) yield value
    }
  }
}

/**
 * Returns the canonical form of an address or network, as in `10.0.0.0/8`; undefined if it is
 * neither. Equal networks have equal forms.
 */
export function canonicalNetwork(text: string): string | undefined {
  const network = parseNetwork(text)
  if (network === undefined) return undefined
  const { address, prefix } = network
  const isWhole = prefix === (address.family === 4 ? 32 : 128)
  return isWhole ? canonicalText(address) : `${masked(network).replace(/\/.*/, '')}/${prefix}`
}

/** Returns an address with the bits after the prefix set to zero. */
function masked({ address, prefix }: Network): string {
  if (address.family === 6) return canonicalText(address, prefix)
  if (prefix === 32) return address.text
  const bits = address.text.split('.').reduce((sum, part) => (sum << 8) | Number(part), 0)
  const network = prefix === 0 ? 0 : bits & (-1 << (32 - prefix))
  return [24, 16, 8, 0].map((shift) => (network >>> shift) & 255).join('.')
}
