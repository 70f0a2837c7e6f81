import type { RequestListener } from 'node:http'
import { withoutFiles } from '../../../../src/policy/config/files/read-variables.js'
import { send, startTestGateway, type TestGateway } from '../running-gateway.js'

/** Prices per million tokens at which one token costs a round amount. */
const PRICES = `
currency: USD
as_of: 2026-11-01
models:
  big: { input: 1000, cached_input: 100, cache_write: 2000, output: 10000, reasoning: 20000, request: 1 }
  "small-*": { input: 1, output: 2 }
  meta/llama: { input: 1000, output: 2000 }
  painter: { input: 0, output: 0, image: 0.04 }
  listener: { input: 0, output: 0, audio_second: 0.006 }
`

/** Starts a gateway with the price list above. Clients see their usage at `/usage`. */
export function startPricedGateway(text: string, upstream?: RequestListener): Promise<TestGateway> {
  const source = { ...withoutFiles, priceList: () => PRICES }
  const config = `prices: prices.yaml\nusage: /usage\n${text}`
  return startTestGateway(config, upstream, '127.0.0.1:0', '127.0.0.1:0', source)
}

/** Returns what anonymous clients have used under a rule, as `0.012 USD`; undefined without the rule. */
export async function usedOf(url: string, rule = 'money'): Promise<string | undefined> {
  const { text } = await send(url, '/usage', { method: 'GET' })
  const { rules } = JSON.parse(text) as {
    rules: { rule: string; used: string | number; currency?: string }[]
  }
  const found = rules.find((each) => each.rule === rule)
  return found && `${found.used}${found.currency === undefined ? '' : ` ${found.currency}`}`
}
