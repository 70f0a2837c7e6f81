import { describe, expect, it } from 'vitest'
import { withoutFiles } from '../../src/policy/config/files/read-variables.js'
import { parseConfig } from '../../src/policy/config/load-config.js'
import { priceId } from '../../src/policy/llm/price-list.js'
import { replay } from '../../src/replay/replay.js'
import { summary } from '../../src/replay/report/report-summary.js'
import { suggest } from '../../src/replay/suggest/suggest.js'
import { suggestionSummary } from '../../src/replay/suggest/suggestion-summary.js'
import { readAll, streamOf } from './traces.js'

const CHAT = 'POST /v1/chat/completions'

/** One token of `big` costs 0.001 USD in the input, and 0.01 USD in the output. */
const PRICES = `
currency: USD
as_of: 2026-11-01
models:
  big: { input: 1000, cached_input: 100, output: 10000 }
  "small-*": { input: 1, output: 2 }
`

function configOf(limits: string, more = '', prices = PRICES) {
  const text = `
upstream: http://127.0.0.1:9000
prices: prices.yaml
${more}
routes: [{ match: ${CHAT}, llm: openai, limits: ${limits} }]
`
  return parseConfig(text, 'replayed.yaml', { ...withoutFiles, priceList: () => prices })
}

/** Replays JSON lines a second apart. Returns the outcomes, and the report. */
async function play(lines: readonly object[], config: ReturnType<typeof configOf>) {
  const trace = lines.map((line, index) =>
    JSON.stringify({ time: 1_700_000_000 + index, path: CHAT, ...line }),
  )
  const outcomes: string[] = []
  const report = await replay(streamOf(trace.join('\n'), 1000), config, {
    onDecision: ({ number, outcome }) => {
      outcomes[number] = outcome.kind
    },
  })
  return { outcomes, report, used: report.rules.map(({ used }) => used) }
}

/** A route whose paths have several shapes. */
const OPEN = (limits: string) =>
  parseConfig(
    `
upstream: http://127.0.0.1:9000
prices: prices.yaml
routes: [{ match: POST /v1/*, llm: auto, limits: ${limits} }]
`,
    'replayed.yaml',
    {
      ...withoutFiles,
      priceList: () => PRICES.replace('output: 10000', 'output: 10000, request: 1'),
    },
  )

const call = { client: 'a', model: 'big', input_tokens: 100, output_tokens: 10, max_tokens: 50 }
const OWN = '[{ name: own, limit: 1 USD/day, of: money }, { name: calls, limit: 100/day }]'

describe('a replay of limits on money', () => {
  it('prices the tokens of a trace, and reserves the highest price of each call', async () => {
    // Each call reserves 0.6 USD, and is settled with 0.2 USD.
    const { outcomes, report } = await play(Array(5).fill(call), configOf(OWN))
    expect(outcomes).toEqual(['allowed', 'allowed', 'allowed', 'refused', 'refused'])
    expect(report.rules[0]).toMatchObject({ currency: 'USD', reserved: 1.8e9, used: 0.6e9 })
    expect(summary(report)).toContain('own: reserved 1.80 USD, used 0.60 USD (33.3 %)')
  })

  it('admits calls that only count tokens for free, as the gateway does', async () => {
    const path = 'POST /v1/messages/count_tokens'
    const free = { client: 'a', path, input_tokens: 0, output_tokens: 0, max_tokens: 0 }
    const lines = [
      { ...free, model: 'big' },
      { ...free, model: 'unpriced' },
      { ...free, model: '' },
    ]
    const { outcomes, used } = await play(lines, OPEN(OWN))
    expect(outcomes).toEqual(['allowed', 'allowed', 'allowed'])
    expect(used[0]).toBe(0)
  })

  it('charges cached tokens at their own price', async () => {
    const { used } = await play([{ ...call, cached_tokens: 40 }], configOf(OWN))
    expect(used[0]).toBe(0.164e9)
  })

  it('charges the recorded amount, unless the prices of the call have changed since', async () => {
    const config = configOf(OWN)
    const price = priceId(config.prices?.list.priceOf('big') as never)
    const recorded = { ...call, money: '0.123456789', currency: 'USD', price }
    expect((await play([recorded], config)).used[0]).toBe(123_456_789)
    const dearer = configOf(OWN, '', PRICES.replace('input: 1000', 'input: 2000'))
    expect((await play([recorded], dearer)).used[0]).toBe(0.3e9)
    expect((await play([{ ...recorded, price: undefined }], dearer)).used[0]).toBe(123_456_789)
    expect((await play([{ ...recorded, currency: 'EUR' }], config)).used[0]).toBe(0.2e9)
  })

  it('charges the reservation that a gateway recorded, and its images and answers', async () => {
    const config = configOf(
      OWN.replace('1 USD', '9 USD'),
      '',
      PRICES.replace('10000 }', '10000, image: 0.5 }'),
    )
    const reserved = { input: 300, answers: 2, images: 3 }
    const { max_tokens: _, ...unstated } = call
    const { report } = await play([{ ...unstated, reserved }], config)
    // 2 × 1024 output tokens would cost more than the limit, so the default output is reduced to it.
    expect(report.rules[0]).toMatchObject({ reserved: 9e9, used: 1.7e9 })
  })

  it('applies only the other rules to requests without a recorded model, and says so', async () => {
    const { model: _, ...unnamed } = call
    const { outcomes, report } = await play(Array(9).fill(unnamed), configOf(OWN))
    expect(new Set(outcomes)).toEqual(new Set(['allowed']))
    expect(JSON.stringify(report)).toContain('the trace has no models')
    const dearest = await play(Array(5).fill(unnamed), configOf(OWN, 'unknown_model: dearest'))
    expect(dearest.outcomes).toEqual(['allowed', 'allowed', 'allowed', 'refused', 'refused'])
  })

  it('reports calls that the gateway refuses because their model has no price', async () => {
    const lines = ['big', 'huge', ''].map((model) => ({ ...call, model }))
    expect((await play(lines, configOf(OWN))).outcomes).toEqual(['allowed', 'invalid', 'invalid'])
    const dearest = await play(lines, configOf(OWN, 'unknown_model: dearest'))
    expect(dearest.outcomes).toEqual(['allowed', 'allowed', 'allowed'])
  })

  it('evaluates conditions on the model and the labels of a record, and counts by them', async () => {
    const config = configOf(
      `[{ limit: 1/day, by: client.org, when: "model == 'big' && client.team == 'red'", algorithm: fixed-window }]`,
      'identity: { trusted_proxies: [10.0.0.1], proxy_headers: { client: X-Client, labels: { org: X-Org, team: X-Team } } }',
    )
    const of = (client: string, model: string, org: string, team: string) => ({
      ...{ ...call, client, model, labels: { org, team } },
    })
    const lines = [
      of('a', 'big', 'acme', 'red'),
      of('b', 'big', 'acme', 'red'),
      of('b', 'small-1', 'acme', 'red'),
      of('b', 'big', 'acme', 'blue'),
      of('c', 'big', 'other', 'red'),
    ]
    const { outcomes } = await play(lines, config)
    expect(outcomes).toEqual(['allowed', 'refused', 'allowed', 'allowed', 'allowed'])
  })
})

describe('a trace with money', () => {
  it('has amounts of up to nine decimals, and a currency', async () => {
    const { requests, reading } = await readAll(
      'time,model,money,currency\n1,big,0.000000001,USD\n2,big,12,EUR\n3,,,\n4,big,1.0000000001,USD\n5,big,-1,USD\n6,big,1,usd\n',
    )
    expect(requests.map(({ model, money, currency }) => [model, money, currency])).toEqual([
      ['big', 1, 'USD'],
      ['big', 12e9, 'EUR'],
      [undefined, undefined, undefined],
    ])
    expect(reading.bad.first.map(({ problem }) => problem)).toEqual([
      "money must be an amount below nine million with at most nine decimals, not '1.0000000001'",
      "money must be an amount below nine million with at most nine decimals, not '-1'",
      "currency must be three capital letters such as USD, not 'usd'",
    ])
  })
})

describe('a suggested limit on money', () => {
  /** Ten days on which two clients spend 3.2 USD a day, and a third spends 16 USD. */
  const trace = () =>
    streamOf(
      Array.from({ length: 10 }, (_, day) =>
        Array.from({ length: 112 }, (_, index) => {
          const client = index < 16 ? 'a' : index < 32 ? 'b' : 'c'
          const time = 1_700_000_000 + day * 86_400 + index
          return JSON.stringify({ ...call, max_tokens: 10, client, time, path: CHAT })
        }).join('\n'),
      ).join('\n'),
      10_000,
    )
  const config = configOf('[{ name: own, limit: 1 USD/day, of: money }]')

  it('is an amount in the currency of the prices', async () => {
    const suggestion = await suggest(
      trace,
      config,
      'refuse at most 0% of requests of client a; admit at most 8 USD/day per client',
    )
    expect(suggestion).toMatchObject({ current: '1 USD/day', currency: 'USD' })
    expect(suggestion.granted?.text).toBe('3.20 USD/day')
    expect(suggestion.granted?.clauses[1]).toMatchObject({
      value: 3.2,
      most: 8,
      currency: 'USD',
      granted: true,
    })
    expect(suggestionSummary(suggestion, (limit) => `limit: ${limit}`)).toContain(
      'met: admit at most 8 USD/day per client: at most 3.2 USD admitted',
    )
  })

  it('is not found for more than clients may spend, or in another currency', async () => {
    const { granted, nearest } = await suggest(
      trace,
      config,
      'refuse at most 0% of requests; never admit more than 10 USD a day per client',
    )
    expect(granted).toBeNull()
    expect(nearest.map(({ text }) => text)).toEqual(['16 USD/day', expect.stringMatching(/ USD\/day$/)])
    await expect(suggest(trace, config, 'admit at most 8 EUR/day')).rejects.toThrow(
      "the prices are in USD, so an objective cannot be in EUR, as in 'admit at most 8 EUR/day'",
    )
  })
})
