import fc from 'fast-check'
import { addressList, parseIpAddress } from 'sluice/http'
import { expect, it } from 'vitest'
import { canonicalNetwork, NetworkMap } from '../../../src/policy/acts/network-map.js'

const SEED = 20261202

/** Few distinct groups, so that addresses often lie in the networks. */
const octet = fc.constantFrom(0, 10, 127, 128, 255)
const ipv4 = fc.tuple(octet, octet, octet, octet).map((parts) => parts.join('.'))
const group = fc.constantFrom('0', '1', '2001', 'db8', '8000', 'ffff')
const ipv6 = fc.array(group, { minLength: 8, maxLength: 8 }).map((groups) => groups.join(':'))
const mapped = ipv4.map((address) => `::ffff:${address}`)
const address = fc.oneof(ipv4, ipv6, mapped)
const network = fc.oneof(
  address,
  fc.tuple(ipv4, fc.nat(32)).map((parts) => parts.join('/')),
  fc.tuple(mapped, fc.integer({ min: 96, max: 128 })).map((parts) => parts.join('/')),
  fc.tuple(ipv6, fc.nat(128)).map((parts) => parts.join('/')),
)

it('a network map finds the networks that contain an address, as a list of each network does', () => {
  let hits = 0
  fc.assert(
    fc.property(fc.array(network, { maxLength: 8 }), address, (networks, address) => {
      const names = [...new Set(networks.map((each) => canonicalNetwork(each) as string))]
      const map = new NetworkMap(names.map((name) => [name, name] as const))
      const parsed = parseIpAddress(address)
      const found = parsed === undefined ? [] : [...map.valuesFor(parsed)]
      const expected = names.filter((name) => addressList([name], []).has(address))
      expect(found.toSorted()).toEqual(expected.toSorted())
      hits += found.length
    }),
    { seed: SEED, numRuns: 3000 },
  )
  expect(hits).toBeGreaterThan(500)
})

it('a canonical network contains the same addresses, and equal networks have the same form', () => {
  fc.assert(
    fc.property(network, address, (network, address) => {
      const canonical = canonicalNetwork(network) as string
      expect(addressList([canonical], []).has(address)).toBe(addressList([network], []).has(address))
      expect(canonicalNetwork(canonical)).toBe(canonical)
    }),
    { seed: SEED, numRuns: 3000 },
  )
})

it.each([
  ['10.1.2.3/8', '10.0.0.0/8'],
  ['0.0.0.0/0', '0.0.0.0/0'],
  ['::ffff:192.0.2.1', '192.0.2.1'],
  ['::ffff:192.0.2.1/120', '192.0.2.0/24'],
  ['2001:DB8::1/32', '2001:db8:0:0:0:0:0:0/32'],
  ['::1', '0:0:0:0:0:0:0:1'],
  ['acme', undefined],
  ['10.0.0.0/33', undefined],
  ['10.0.0.0/8/8', undefined],
])('the canonical form of %s is %s', (network, canonical) => {
  expect(canonicalNetwork(network)).toBe(canonical)
})
