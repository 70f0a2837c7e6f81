import fc from 'fast-check'
import { afterEach, describe, expect, it, vi } from 'vitest'
import {
  costExpression,
  keyExpression,
  requireExpression,
} from '../../../src/policy/config/cel/expression.js'
import { replayTrace } from '../../replay/traces.js'
import { bare, request } from './expression-request.js'

function textOf(source: string, time: string | number): string {
  const expression = keyExpression(`'=' + string(${source})`, { params: [] })
  if (typeof expression !== 'function') throw new Error(`${source}: ${JSON.stringify(expression)}`)
  return expression(request({ time: new Date(time).getTime() })).slice(1)
}

function problemOf(source: string): { at: number; message: string } {
  const compiled = costExpression(source, { params: [] })
  if (typeof compiled === 'function' || compiled[0] === undefined) throw new Error(`${source} is valid`)
  return compiled[0]
}

describe('the time of a request in an expression', () => {
  it.each([
    ["now.getFullYear('UTC')", '2026-12-31T23:30:00Z', '2026'],
    ["now.getFullYear('Europe/Berlin')", '2026-12-31T23:30:00Z', '2027'],
    ["now.getMonth('Europe/Berlin')", '2026-12-31T23:30:00Z', '0'],
    ["now.getDate('Europe/Berlin')", '2026-12-31T23:30:00Z', '1'],
    ["now.getDayOfMonth('Europe/Berlin')", '2026-12-31T23:30:00Z', '0'],
    ["now.getDayOfYear('UTC')", '2024-12-31T12:00:00Z', '365'],
    ["now.getDayOfWeek('UTC')", '2026-12-06T12:00:00Z', '0'],
    ["now.getDayOfWeek('Asia/Tokyo')", '2026-12-05T15:00:00Z', '0'],
    ["now.getHours('Asia/Kathmandu')", '2026-06-01T00:00:00Z', '5'],
    ["now.getMinutes('Asia/Kathmandu')", '2026-06-01T00:00:00Z', '45'],
    ["now.getSeconds('America/St_Johns')", '2026-06-01T00:00:59.999Z', '59'],
  ])('%s of %s is %s', (source, time, expected) => {
    expect(textOf(source, time)).toBe(expected)
  })

  it.each([
    ['2026-03-29T00:59:59Z', '1:59'],
    ['2026-03-29T01:00:00Z', '3:0'],
    ['2026-10-25T00:30:00Z', '2:30'],
    ['2026-10-25T01:30:00Z', '2:30'],
    ['2026-10-25T02:00:00Z', '3:0'],
  ])('is right when the clocks of a time zone change: %s is %s in Berlin', (time, expected) => {
    const zone = "'Europe/Berlin'"
    expect(textOf(`string(now.getHours(${zone})) + ':' + string(now.getMinutes(${zone}))`, time)).toBe(
      expected,
    )
  })

  it('agrees with the calendar of the platform at any time in any zone', () => {
    const zones = fc.constantFrom(
      'Europe/Berlin',
      'America/New_York',
      'Australia/Lord_Howe',
      'Africa/Casablanca',
    )
    fc.assert(
      fc.property(zones, fc.integer({ min: 0, max: 4_000_000_000_000 }), (timeZone, time) => {
        const shown = new Intl.DateTimeFormat('sv-SE', {
          timeZone,
          dateStyle: 'short',
          timeStyle: 'medium',
        }).format(time)
        const parts = ['getFullYear', 'getMonth', 'getDate', 'getHours', 'getMinutes', 'getSeconds']
        const [year, month, ...rest] = parts.map((name) => Number(textOf(`now.${name}('${timeZone}')`, time)))
        expect([year, (month ?? 0) + 1, ...rest]).toEqual(shown.split(/\D/).map(Number))
      }),
      { seed: 20_261_202, numRuns: 200 },
    )
  })

  it.each([
    ['now.getHours()', 4, "'getHours' requires a time zone, such as getHours('Europe/Berlin')"],
    ['now.getHours(client.id)', 4, "'getHours' requires a time zone"],
    ["now.getHours('Europe/Berln')", 13, "unknown time zone 'Europe/Berln'; use an IANA name"],
    ["now.getHour('UTC')", 4, "unknown function 'getHour'; did you mean 'getHours'?"],
    ["path.getHours('UTC')", 0, "use it as in now.getHours('Europe/Berlin')"],
    ['now', 0, 'the expression must return a number'],
    ['now + 1 > 2 ? 1 : 2', 0, 'invalid expression'],
    ["noww.getHours('UTC')", 0, "unknown variable 'noww'; did you mean 'now'?"],
  ])('rejects %s at character %i', (source, at, message) => {
    const problem = problemOf(source)
    expect(problem.message).toContain(message)
    expect(problem.at).toBe(at)
  })
})

describe('the time in a replay', () => {
  afterEach(() => {
    vi.useRealTimers()
  })

  it('is the recorded time, whatever the time of the replay is', async () => {
    // One request per hour of the day on which clocks in Berlin go forward, and the day before.
    const start = Date.UTC(2026, 2, 27, 23) / 1000
    const lines = Array.from({ length: 47 }, (_, hour) => `${start + 3600 * hour}`)
    const limits = `[{ limit: 10/day, cost: "now.getHours('Europe/Berlin') < 8 ? 0 : 11" }]`
    const expected = `${'+'.repeat(8)}${'-'.repeat(16)}${'+'.repeat(7)}${'-'.repeat(16)}`
    for (const today of ['2026-12-02T03:00:00Z', '2027-06-05T18:00:00Z']) {
      vi.useFakeTimers({ now: new Date(today), toFake: ['Date'] })
      expect((await replayTrace(['time', ...lines].join('\n'), limits)).admitted).toBe(expected)
    }
  })
})

describe('a network in an expression', () => {
  const holds = (source: string, ip: string): boolean => {
    const expression = requireExpression(source, { params: [] })
    if (typeof expression !== 'function') throw new Error(JSON.stringify(expression))
    return expression(request({ ip, headers: bare({ 'x-ip': 'nonsense' }) }))
  }

  it.each([
    ['10.0.0.0/8', '10.255.0.1', true],
    ['10.0.0.0/8', '11.0.0.1', false],
    ['0.0.0.0/0', '2001:db8:0:0:0:0:0:0/64', false],
    ['192.0.2.7/32', '192.0.2.7', true],
    ['192.0.2.7/32', '192.0.2.8', false],
    ['2001:db8::/32', '2001:db8:1:2:0:0:0:0/64', true],
    ['2001:db8::/32', '2001:db9:0:0:0:0:0:0/64', false],
    ['::/0', '192.0.2.7', false],
    ['::ffff:10.0.0.0/104', '10.1.2.3', true],
  ])('%s contains %s: %s', (network, ip, expected) => {
    expect(holds(`cidr('${network}').containsIP(ip)`, ip)).toBe(expected)
  })

  it('fails for a string that is not an address, with a reason', () => {
    const failures: string[] = []
    const expression = costExpression("cidr('10.0.0.0/8').containsIP(headers['x-ip']) ? 0 : 1", {
      params: [],
    })
    if (typeof expression !== 'function') throw new Error(JSON.stringify(expression))
    const sent = request({ headers: bare({ 'x-ip': 'nonsense' }) })
    expect(() => expression({ ...sent, reportFailure: ({ reason }) => failures.push(reason) })).toThrow()
    expect(failures).toEqual(['a string is not an IP address'])
  })

  it.each([
    ["cidr('10.0.0.0/33').containsIP(ip) ? 1 : 2", 5, "'10.0.0.0/33' is not a network; write an address and"],
    ["cidr('10.0.0.1').containsIP(ip) ? 1 : 2", 5, "'10.0.0.1' is not a network"],
    ['cidr(ip).containsIP(ip) ? 1 : 2', 0, "'cidr' requires a string literal"],
    ["cidr('10.0.0.0/8').contains(ip) ? 1 : 2", 19, "'contains' requires a string literal"],
    ["cidr('10.0.0.0/8').containsIP(5) ? 1 : 2", 0, "use it as in cidr('10.0.0.0/8').containsIP(ip)"],
    ["cidr('10.0.0.0/8')", 0, 'the expression must return a number'],
  ])('rejects %s at character %i', (source, at, message) => {
    const problem = problemOf(source)
    expect(problem.message).toContain(message)
    expect(problem.at).toBe(at)
  })
})
