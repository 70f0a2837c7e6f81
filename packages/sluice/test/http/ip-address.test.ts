import fc from 'fast-check'
import ipaddr from 'ipaddr.js'
import { describe, expect, it } from 'vitest'
import { canonicalText, parseIpAddress } from '../../src/http/ip-address.js'
import { formatted, ipv4, ipv6Groups, notation } from './addresses.js'

const SEED = 20261126

const TRANSLATED = ipaddr.IPv6.parseCIDR('64:ff9b::/96')

type Address = ipaddr.IPv4 | ipaddr.IPv6

/** Converts mapped and translated addresses to IPv4. */
function normalized(address: Address): Address {
  if (address.kind() === 'ipv4') return address
  const six = address as ipaddr.IPv6
  if (six.isIPv4MappedAddress()) return six.toIPv4Address()
  return six.match(TRANSLATED) ? new ipaddr.IPv4(six.toByteArray().slice(12)) : six
}

function addressOf(groups: readonly number[]): Address {
  return normalized(new ipaddr.IPv6([...groups]))
}

/** IPv4-compatible addresses, which the other library treats as mapped. RFC 4291 does not. */
const COMPATIBLE = /^[0:]*::[0:]*[\d.]+\.\d+$/

function canonicalForm(text: string, ipv6Subnet?: number): string {
  const address = parseIpAddress(text)
  if (address === undefined) throw new Error(`'${text}' was not parsed`)
  return canonicalText(address, ipv6Subnet)
}

describe('an address', () => {
  it('is parsed as another library parses it, in every notation', () => {
    fc.assert(
      fc.property(ipv6Groups, notation, (groups, how) => {
        const text = formatted(groups, how)
        const expected = addressOf(groups)
        const read = canonicalForm(text)
        expect(ipaddr.parse(read).kind()).toBe(expected.kind())
        expect(ipaddr.parse(read).toByteArray()).toEqual(expected.toByteArray())
      }),
      { seed: SEED, numRuns: 5000 },
    )
  })

  it('has one canonical form in every notation', () => {
    fc.assert(
      fc.property(
        ipv6Groups,
        notation,
        notation,
        fc.integer({ min: 1, max: 128 }),
        (groups, one, other, bits) => {
          expect(canonicalForm(formatted(groups, one), bits)).toBe(
            canonicalForm(formatted(groups, other), bits),
          )
        },
      ),
      { seed: SEED, numRuns: 2000 },
    )
  })

  it('shares a limit with another if and only if their prefixes are equal', () => {
    fc.assert(
      fc.property(
        ipv6Groups,
        fc.integer({ min: 0, max: 127 }),
        notation,
        fc.integer({ min: 1, max: 128 }),
        (groups, bit, how, bits) => {
          const others = groups.map((group, index) =>
            index === bit >> 4 ? group ^ (0x8000 >> (bit & 15)) : group,
          )
          const [one, other] = [formatted(groups, how), formatted(others, how)]
          const [a, b] = [addressOf(groups), addressOf(others)]
          const together =
            a.kind() === b.kind() &&
            (a.kind() === 'ipv4' ? String(a) === String(b) : (a as ipaddr.IPv6).match(b as ipaddr.IPv6, bits))
          expect(canonicalForm(one, bits) === canonicalForm(other, bits)).toBe(together)
        },
      ),
      { seed: SEED, numRuns: 5000 },
    )
  })

  it('that is IPv4 has a dotted canonical form, mapped or not, and is never reduced to a prefix', () => {
    fc.assert(
      fc.property(ipv4, notation, fc.integer({ min: 1, max: 128 }), (address, how, bits) => {
        const bytes = address.split('.').map(Number)
        const [a = 0, b = 0, c = 0, d = 0] = bytes
        const mapped = [0, 0, 0, 0, 0, 0xffff, a * 256 + b, c * 256 + d]
        expect(canonicalForm(address, bits)).toBe(address)
        expect(canonicalForm(formatted(mapped, how), bits)).toBe(address)
      }),
      { seed: SEED, numRuns: 2000 },
    )
  })

  // CVE-2026-30827: a prefix of mapped addresses would count all IPv4 addresses as one client.
  it.each([
    '::ffff:192.0.2.1',
    '::FFFF:192.0.2.1',
    '::ffff:c000:201',
    '::ffff:C000:0201',
    '0:0:0:0:0:ffff:192.0.2.1',
    '0:0:0:0:0:ffff:c000:201',
    '0000:0000:0000:0000:0000:ffff:c000:0201',
    '::0:ffff:192.0.2.1',
    '::ffff:192.0.2.1%eth0',
    '64:ff9b::192.0.2.1',
    '64:ff9b::c000:201',
  ])('written as %s is 192.0.2.1 and differs from the next address', (text) => {
    expect(canonicalForm(text, 64)).toBe('192.0.2.1')
    expect(canonicalForm(text, 56)).not.toBe(canonicalForm('::ffff:192.0.2.2', 56))
  })

  it.each([
    ['2001:db8:1:2:3:4:5:6', 64, '2001:db8:1:2:0:0:0:0/64'],
    ['2001:db8:1:2:3:4:5:6', 56, '2001:db8:1:0:0:0:0:0/56'],
    ['2001:DB8::', 128, '2001:db8:0:0:0:0:0:0'],
    ['::', 64, '0:0:0:0:0:0:0:0/64'],
    ['::1', 128, '0:0:0:0:0:0:0:1'],
    ['fe80::1%eth0', 128, 'fe80:0:0:0:0:0:0:1'],
  ] as const)('written as %s and reduced to /%i is %s', (text, bits, expected) => {
    expect(canonicalForm(text, bits)).toBe(expected)
  })

  it.each([
    '',
    ' ',
    'localhost',
    '192.0.2',
    '192.0.2.1.1',
    '192.0.2.256',
    '192.0.2.01',
    '0xc0.0.2.1',
    '3221225985',
    '192.0.2.1 ',
    '192.0.2.1:80',
    '[::1]',
    '1::2::3',
    '1:2:3:4:5:6:7',
    '1:2:3:4:5:6:7:8:9',
    '::ffff:192.0.2',
    '::fffff',
    '::ffff:192.0.2.1/96',
    '::1\u0000',
    '１.１.１.１',
    '9'.repeat(100_000),
  ])('is not parsed from %j', (text) => {
    expect(parseIpAddress(text)).toBeUndefined()
  })

  it('is rejected if another library rejects it', () => {
    const characters = fc.constantFrom(...'0123456789abcdefF:.%[]/ x')
    const text = fc.oneof(
      fc.string(),
      fc.string({ unit: characters, maxLength: 45 }),
      fc.tuple(ipv6Groups, notation, fc.nat(45), characters).map(([groups, how, at, character]) => {
        const right = formatted(groups, how)
        return right.slice(0, at) + character + right.slice(at + 1)
      }),
    )
    fc.assert(
      fc.property(text, (any) => {
        if (parseIpAddress(any) === undefined) return
        const bare = any.split('%')[0] ?? ''
        if (COMPATIBLE.test(bare)) return
        expect(ipaddr.IPv4.isValidFourPartDecimal(bare) || ipaddr.IPv6.isValid(bare)).toBe(true)
        expect(ipaddr.parse(canonicalForm(any)).toByteArray()).toEqual(
          normalized(ipaddr.parse(bare)).toByteArray(),
        )
      }),
      { seed: SEED, numRuns: 10_000 },
    )
  })
})
