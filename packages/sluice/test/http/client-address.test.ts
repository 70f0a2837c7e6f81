import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { clientAddressReader } from '../../src/http/client-address.js'
import { RequestError } from '../../src/rules/request-error.js'
import { formatted, ipv4, ipv6Groups, notation } from './addresses.js'

const SEED = 20261126
const PROXIES = ['10.0.0.0/8', '192.168.1.1', '2001:db8:ff::/48', '::1']
const behindProxies = clientAddressReader({ trustedProxies: PROXIES })

const proxy = fc.oneof(
  fc.constantFrom('192.168.1.1', '::1', '::ffff:10.1.2.3', '2001:db8:ff:1::2'),
  fc.nat(255).map((last) => `10.0.3.${last}`),
)
const address = fc.oneof(
  ipv4,
  fc.tuple(ipv6Groups, notation).map(([groups, how]) => formatted(groups, how)),
)
/** An address outside the networks of the proxies. */
const client = address.filter((text) => !behindProxies.isTrusted(text))
const junk = fc.oneof(address, fc.string(), fc.constantFrom('unknown', '', '10.0.0.1', '_hidden', '"', ',,,'))

/** Formats an entry as proxies do, with or without a port. */
function entry(text: string, port: boolean): string {
  const brackets = text.includes(':')
  if (port) return brackets ? `[${text}]:4711` : `${text}:4711`
  return text
}

describe('the address of a client', () => {
  it('is that of the connection if no proxy is trusted, regardless of the header', () => {
    const withoutProxies = clientAddressReader()
    fc.assert(
      fc.property(address, junk, (peer, header) => {
        expect(withoutProxies.clientOf(peer, header)).toBe(withoutProxies.clientOf(peer, undefined))
      }),
      { seed: SEED, numRuns: 2000 },
    )
  })

  it('is that of the connection if its peer is not a trusted proxy', () => {
    fc.assert(
      fc.property(client, junk, (peer, header) => {
        expect(behindProxies.clientOf(peer, header)).toBe(behindProxies.clientOf(peer, undefined))
      }),
      { seed: SEED, numRuns: 2000 },
    )
  })

  it('is the first entry from the right that is not a trusted proxy, in any notation', () => {
    const spaces = fc.constantFrom('', ' ', '  ', '\t')
    fc.assert(
      fc.property(
        fc.array(junk, { maxLength: 4 }),
        client,
        fc.array(proxy, { maxLength: 3 }),
        proxy,
        fc.boolean(),
        spaces,
        (ignored, actual, proxies, peer, port, space) => {
          const header = [...ignored, entry(actual, port), ...proxies.map((each) => entry(each, port))]
          expect(behindProxies.clientOf(peer, header.join(`${space},${space}`))).toBe(
            behindProxies.clientOf(actual, undefined),
          )
        },
      ),
      { seed: SEED, numRuns: 5000 },
    )
  })

  it('is the leftmost entry if all are proxies', () => {
    expect(behindProxies.clientOf('10.0.0.1', '10.0.0.3, 10.0.0.2')).toBe('10.0.0.3')
    expect(behindProxies.clientOf('10.0.0.1', undefined)).toBe('10.0.0.1')
  })

  it.each(['proxy.example', 'unknown.example', '203.0.113.7, 10.0.0', '256.1.1.1', '[::1', '::1]:80'])(
    'causes a RequestError if a trusted proxy reports %j',
    (header) => {
      expect(() => behindProxies.clientOf('10.0.0.1', header)).toThrow(RequestError)
    },
  )

  it.each(['unknown', '203.0.113.7, unknown,', '203.0.113.7, unknown:4711', '203.0.113.7, _hidden'])(
    'is that of the trusted proxy if it reports %j',
    (header) => {
      expect(behindProxies.clientOf('10.0.0.1', header)).toBe('10.0.0.1')
      expect(behindProxies.originOf('10.0.0.1', header)).toMatchObject({ isKnown: false, proxies: 1 })
    },
  )

  it.each(['', ' ', ',', '\t, ,,', ', '.repeat(1000)])(
    'is that of the trusted proxy if its header is %j',
    (header) => {
      expect(behindProxies.clientOf('10.0.0.1', header)).toBe('10.0.0.1')
      expect(behindProxies.originOf('10.0.0.1', header)).toEqual({
        address: '10.0.0.1',
        isKnown: true,
        proxies: 1,
      })
    },
  )

  it.each([
    '203.0.113.7, ',
    '203.0.113.7,,10.0.0.2',
    ',203.0.113.7,\t,',
    ', ,9.9.9.9,,203.0.113.7,,10.0.0.2,,',
  ])('is found among the empty elements of the header %j', (header) => {
    expect(behindProxies.clientOf('10.0.0.1', header)).toBe('203.0.113.7')
  })

  it('is reported in full, with the number of trusted proxies that the request passed through', () => {
    expect(behindProxies.originOf('10.0.0.1', '2001:db8::7, 10.0.0.3, 10.0.0.2')).toEqual({
      address: '2001:db8:0:0:0:0:0:7',
      isKnown: true,
      proxies: 3,
    })
    expect(behindProxies.originOf('203.0.113.7', '10.0.0.3')).toEqual({
      address: '203.0.113.7',
      isKnown: true,
      proxies: 0,
    })
  })

  it.each([undefined, '', 'nonsense', '/run/socket'])(
    'causes an error instead of a shared key if the address of the connection is %j',
    (peer) => {
      expect(() => behindProxies.clientOf(peer, '203.0.113.7')).toThrow(
        'the connection has no valid IP address',
      )
    },
  )

  it('is read from the end of a header with 100,000 entries', () => {
    const header = `${'nonsense, '.repeat(100_000)}203.0.113.7`
    expect(behindProxies.clientOf('10.0.0.1', header)).toBe('203.0.113.7')
  })

  it('is reduced to an IPv6 network of the configured length', () => {
    const [one, other] = ['2001:db8:1:2::1', '2001:db8:1:2:ffff::2']
    const by = (ipv6Subnet?: number) => clientAddressReader(ipv6Subnet === undefined ? {} : { ipv6Subnet })
    expect(by().clientOf(one, undefined)).toBe(by().clientOf(other, undefined))
    expect(by(80).clientOf(one, undefined)).not.toBe(by(80).clientOf(other, undefined))
  })
})

describe('the address of a client behind a number of proxies', () => {
  it('is the entry that the outermost of them added, whatever the client sent', () => {
    const hop = fc.oneof(address, fc.constantFrom('10.0.0.1', '127.0.0.1'))
    fc.assert(
      fc.property(
        fc.array(junk, { maxLength: 4 }),
        fc.array(hop, { minLength: 1, maxLength: 4 }),
        hop,
        (sent, added, peer) => {
          const reader = clientAddressReader({ trustedProxies: added.length })
          const [first = ''] = added
          expect(reader.clientOf(peer, [...sent, ...added].join(', '))).toBe(
            reader.clientOf(first, undefined),
          )
        },
      ),
      { seed: SEED, numRuns: 2000 },
    )
  })

  it('is the outermost known address if the request passed through fewer proxies', () => {
    const reader = clientAddressReader({ trustedProxies: 3 })
    expect(reader.clientOf('10.0.0.1', '203.0.113.7')).toBe('203.0.113.7')
    expect(reader.clientOf('10.0.0.1', undefined)).toBe('10.0.0.1')
    expect(reader.isTrusted('203.0.113.9')).toBe(true)
  })

  it('is that of the connection if the number is 0', () => {
    const reader = clientAddressReader({ trustedProxies: 0 })
    expect(reader.clientOf('10.0.0.1', '203.0.113.7')).toBe('10.0.0.1')
    expect([reader.isBehindProxies, reader.isTrusted('10.0.0.1')]).toEqual([false, false])
  })

  it.each([-1, 1.5, 101, Number.NaN])('is not read if the number is %s', (trustedProxies) => {
    expect(() => clientAddressReader({ trustedProxies })).toThrow(
      "the number of 'trustedProxies' must be a whole number from 0 to 100",
    )
  })

  it.each([true, '10.0.0.1', {}])('is not read if the option is %j', (trustedProxies) => {
    expect(() => clientAddressReader({ trustedProxies: trustedProxies as never })).toThrow(
      "'trustedProxies' must be a list of addresses and networks",
    )
  })
})

describe('clientAddressReader', () => {
  it.each([
    ['10.255.0.1', true],
    ['::ffff:10.255.0.1', true],
    ['::ffff:aff:1', true],
    ['11.0.0.1', false],
    ['192.168.1.1', true],
    ['192.168.1.2', false],
    ['2001:db8:ff:ffff::1', true],
    ['2001:db8:fe::1', false],
    ['::1', true],
    ['nonsense', false],
    [undefined, false],
  ])('recognizes a trusted proxy by its network: isTrusted(%s) is %s', (peer, trusted) => {
    expect(behindProxies.isTrusted(peer)).toBe(trusted)
  })

  it('treats an IPv4-mapped network as the IPv4 network', () => {
    const mapped = clientAddressReader({ trustedProxies: ['::ffff:10.0.0.0/104'] })
    expect(['10.9.9.9', '11.0.0.1'].map((peer) => mapped.isTrusted(peer))).toEqual([true, false])
  })

  it.each<[network: string, trusted: string[], others: string[]]>([
    ['::/0', ['::1', '2001:db8::1', 'fe80::1%eth0'], ['10.0.0.1', '::ffff:10.0.0.1', '64:ff9b::a00:1']],
    ['::/64', ['::1'], ['10.0.0.1', '::ffff:10.0.0.1', '2001:db8::1']],
    ['::/96', ['::1'], ['10.0.0.1', '::ffff:10.0.0.1']],
    ['0.0.0.0/0', ['10.0.0.1', '::ffff:10.0.0.1'], ['::1', '2001:db8::1', '::']],
    ['::ffff:0:0/96', ['10.0.0.1', '::ffff:10.0.0.1'], ['::1', '2001:db8::1']],
    ['fe80::1%eth0', ['fe80::1', 'fe80::1%eth1'], ['fe80::2', '254.128.0.1']],
  ])('trusts only addresses of the same family as the network %s', (network, trusted, others) => {
    const reader = clientAddressReader({ trustedProxies: [network] })
    for (const peer of trusted) expect([peer, reader.isTrusted(peer)]).toEqual([peer, true])
    for (const peer of others) {
      expect([peer, reader.isTrusted(peer)]).toEqual([peer, false])
      expect(reader.clientOf(peer, '203.0.113.9')).not.toBe('203.0.113.9')
    }
  })

  it.each([
    '64:ff9b::/96',
    '0064:FF9B::10.0.0.0/104',
    '10.0.0.0/33',
    '10.0.0.0/',
    '10.0.0.0/-1',
    '10.0.0.0/8/8',
    '::1/129',
    '::ffff:10.0.0.0/8',
    'proxy',
    '',
    '10.0.0.0/8x',
  ])('rejects the network %j and gives a valid example', (wrong) => {
    expect(() => clientAddressReader({ trustedProxies: [wrong] })).toThrow('10.0.0.0/8 or ::1')
  })

  it('rejects an unknown forwardedHeader', () => {
    expect(() => clientAddressReader({ forwardedHeader: 'x-real-ip' as never })).toThrow(
      "'forwardedHeader' must be 'x-forwarded-for' or 'forwarded', not 'x-real-ip'",
    )
  })

  it('rejects a forwardedHeader without trustedProxies', () => {
    expect(() => clientAddressReader({ forwardedHeader: 'forwarded' })).toThrow(
      "'forwardedHeader' requires 'trustedProxies'",
    )
  })

  it.each([0, 129, 64.5, Number.NaN, '64' as never])('rejects an ipv6Subnet of %s', (ipv6Subnet) => {
    expect(() => clientAddressReader({ ipv6Subnet })).toThrow(
      "'ipv6Subnet' must be a whole number from 1 to 128",
    )
  })
})
