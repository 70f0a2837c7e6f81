import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { clientAddressReader } from '../../src/http/client-address.js'
import { forwardedElements } from '../../src/http/forwarded-header.js'
import { RequestError } from '../../src/rules/request-error.js'
import { formatted, ipv4, ipv6Groups, notation } from './addresses.js'

const SEED = 20261202

const elements = (header: string) => [...forwardedElements(header)]

describe('the elements of Forwarded', () => {
  it('are read from right to left, with names in any case, quoted strings and white space', () => {
    expect(
      elements(
        'for=192.0.2.43, ,FOR="[2001:db8::1]:4711" ; Proto=https;host="a\\"b,c;d\\\\"\t,by=_x;for=unknown;',
      ),
    ).toEqual([
      { by: '_x', for: 'unknown' },
      { for: '[2001:db8::1]:4711', proto: 'https', host: 'a"b,c;d\\' },
      { for: '192.0.2.43' },
    ])
  })

  it('accept addresses that a proxy does not quote', () => {
    expect(elements('for=[2001:db8::1]:80, for=192.0.2.43:80')).toEqual([
      { for: '192.0.2.43:80' },
      { for: '[2001:db8::1]:80' },
    ])
  })

  it.each(['for', 'for=', 'for= 192.0.2.1', 'for=1;for=2', 'for="1', 'for="1"2', '=1', 'for=1 by=2', 'a"b"'])(
    'are undefined if they are malformed, as in %j',
    (element) => {
      expect(elements(element)).toEqual([undefined])
    },
  )

  it('are read from a header of any length without recursion or backtracking', () => {
    for (const part of ['"', '\\"', '\\\\', ',', 'for="a', 'a=', ';']) {
      const header = part.repeat(100_000)
      expect(elements(header).length).toBeLessThanOrEqual(header.length)
    }
  })
})

/** A report of one proxy, as the slow model sees it: the address, or undefined for an unknown one. */
interface Report {
  readonly address: string | undefined
  readonly text: string
}

const proxyAddress = fc.constantFrom('10.0.0.1', '10.9.9.9', '2001:db8:ff::2', '::ffff:10.1.2.3')
const otherAddress = fc
  .oneof(
    ipv4,
    fc.tuple(ipv6Groups, notation).map(([groups, how]) => formatted(groups, how)),
  )
  .filter((text) => !behindProxies('forwarded').isTrusted(text))

function behindProxies(forwardedHeader: 'forwarded' | 'x-forwarded-for') {
  return clientAddressReader({ trustedProxies: ['10.0.0.0/8', '2001:db8:ff::/48'], forwardedHeader })
}

/** A quoted string with any characters that a proxy may copy from a request, properly escaped. */
const quoted = fc.string({ maxLength: 8 }).map((text) => `"${text.replace(/["\\]/g, '\\$&')}"`)

/** Writes a report as a proxy does: quoted or not, with a port and other parameters. */
function reportOf(address: fc.Arbitrary<string | undefined>): fc.Arbitrary<Report> {
  const parameter = fc.oneof(
    fc.tuple(fc.constantFrom('host', 'proto', 'by'), quoted).map(([name, value]) => `${name}=${value}`),
    fc.constantFrom('proto=https', 'by=_gateway', 'host=api.example'),
  )
  return fc
    .record({
      address,
      name: fc.constantFrom('for', 'For', 'FOR'),
      port: fc.constantFrom('', ':80', ':_port'),
      hidden: fc.constantFrom('unknown', 'UNKNOWN', '_hidden', '_a.b-c'),
      parameters: fc.uniqueArray(parameter, {
        maxLength: 3,
        selector: (text) => text.slice(0, text.indexOf('=')),
      }),
      first: fc.boolean(),
      separator: fc.constantFrom(';', ' ; ', ';\t'),
    })
    .map(({ address, name, port, hidden, parameters, first, separator }) => {
      const host = address?.includes(':') ? `[${address}]` : (address ?? hidden)
      const own = `${name}="${host}${port}"`
      return { address, text: (first ? [own, ...parameters] : [...parameters, own]).join(separator) }
    })
}

const proxyReport = reportOf(proxyAddress)
const lastReport = reportOf(fc.oneof(otherAddress, fc.constant(undefined)))

/** What a client may send to hide or to change the elements that proxies append. */
const forged = fc.oneof(
  fc.string({ maxLength: 30 }),
  fc
    .array(
      fc.constantFrom('for=', '"', '\\', ',', ';', '9.9.9.9', '10.0.0.1', '[::1]', 'unknown', '=', ' '),
      {
        maxLength: 12,
      },
    )
    .map((parts) => parts.join('')),
)

describe('the address of a client in Forwarded', () => {
  it('is the first from the right that no trusted proxy has, whatever the client sent', () => {
    const reader = behindProxies('forwarded')
    fc.assert(
      fc.property(
        fc.array(forged, { maxLength: 3 }),
        lastReport,
        fc.array(proxyReport, { maxLength: 3 }),
        proxyAddress,
        (sent, last, proxies, peer) => {
          // The model: the proxies that forward the request know which address they wrote.
          const known = [peer, ...proxies.map(({ address }) => address as string).toReversed()]
          const expected = last.address ?? (known.at(-1) as string)
          const header = [...sent, last.text, ...proxies.map(({ text }) => text)].join(', ')
          expect(reader.clientOf(peer, header)).toBe(reader.clientOf(expected, undefined))
        },
      ),
      { seed: SEED, numRuns: 2000 },
    )
  })

  it('is the element that the only proxy appended, whatever the client sent', () => {
    const reader = clientAddressReader({ trustedProxies: 1, forwardedHeader: 'forwarded' })
    fc.assert(
      fc.property(fc.array(forged, { maxLength: 3 }), otherAddress, (sent, client) => {
        const header = [...sent, `for="${client.includes(':') ? `[${client}]` : client}"`].join(',')
        expect(reader.clientOf('10.0.0.1', header)).toBe(reader.clientOf(client, undefined))
      }),
      { seed: SEED, numRuns: 2000 },
    )
  })

  it('is never that of the header that the proxy does not write', () => {
    const chain = 'for=203.0.113.7'
    expect(() => behindProxies('x-forwarded-for').clientOf('10.0.0.1', chain)).toThrow(RequestError)
    expect(behindProxies('forwarded').header).toBe('forwarded')
    expect(behindProxies('x-forwarded-for').header).toBe('x-forwarded-for')
  })

  it('is that of the proxy if the proxy does not name the client', () => {
    const reader = behindProxies('forwarded')
    expect(reader.clientOf('10.0.0.1', 'for=9.9.9.9, proto=https')).toBe('10.0.0.1')
    expect(reader.originOf('10.0.0.1', 'proto=https').isKnown).toBe(false)
  })

  it.each(['for=1.2.3', 'for="203.0.113.7', 'for=203.0.113.7;for=203.0.113.8', 'for="[203.0.113.7"', 'x'])(
    'causes a RequestError if a trusted proxy writes %j',
    (header) => {
      expect(() => behindProxies('forwarded').clientOf('10.0.0.1', header)).toThrow(RequestError)
    },
  )
})
