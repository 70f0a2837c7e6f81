import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { ConfigWatch } from '../../src/cli/reload.js'
import { loadConfig } from '../../src/policy/config/load-config.js'
import { startGateway } from '../../src/server/gateway.js'
import type { Log } from '../../src/server/logging/log.js'
import { send, startUpstream, until, withoutDrain } from '../server/gateway/running-gateway.js'
import { CHAT, chat, sendChat } from '../server/gateway/tokens/chat-calls.js'
import { chatModel } from '../server/gateway/tokens/chat-model.js'

const pricesOf = (input: number, currency = 'USD') =>
  `currency: ${currency}\nas_of: ${new Date().toISOString().slice(0, 10)}\nmodels: { m: { input: ${input}, output: 0 } }\n`

/** Starts a gateway that watches its files. It stops after the test. */
async function watchedGateway() {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-prices-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  const [file, prices] = [join(folder, 'gateway.yaml'), join(folder, 'prices.yaml')]
  const model = chatModel({ words: ['Hi'], usage: { prompt_tokens: 10, completion_tokens: 1 } })
  await writeFile(prices, pricesOf(1000))
  await writeFile(
    file,
    `listen: 127.0.0.1:0
admin: off
upstream: ${await startUpstream(model.listener)}
prices: prices.yaml
usage: /usage
routes: [{ match: POST ${CHAT}, llm: openai, limits: [{ limit: 20 USD/day, of: money, by: ip }] }]
`,
  )
  const lines: { readonly message: string; readonly fields: object }[] = []
  const add = (fields: object, message: string) => void lines.push({ message, fields })
  const log: Log = { info: add, warn: add, error: add, upstreamFailed: () => {}, crashed: () => {} }
  const override = withoutDrain
  const config = override(await loadConfig(file))
  const gateway = await startGateway(config, log)
  const watch = new ConfigWatch({ file, config, gateway, log, override })
  onTestFinished(async () => {
    watch.stop()
    await gateway.close()
  })
  const url = `http://127.0.0.1:${gateway.address.port}`
  return {
    url,
    file,
    prices,
    logged: (message: string) => until(() => lines.some((line) => line.message === message)),
    problemsIn: (message: string) => lines.findLast((line) => line.message === message)?.fields,
    async used() {
      const { text } = await send(url, '/usage', { method: 'GET' })
      return (JSON.parse(text) as { rules: { used: string }[] }).rules[0]?.used
    },
  }
}

it('a changed price list applies to later calls, and the money that was used stays counted', async () => {
  const { url, prices, logged, used } = await watchedGateway()
  const call = () => sendChat(url, chat(10, { max_tokens: 1 }))
  expect((await call()).status).toBe(200)
  expect(await used()).toBe('0.01')
  await writeFile(prices, pricesOf(2000))
  const calls: Promise<number>[] = []
  const load = setInterval(() => {
    calls.push(call().then(({ status }) => status))
  }, 20)
  await logged('price list reloaded')
  clearInterval(load)
  expect(new Set(await Promise.all(calls))).toEqual(new Set([200]))
  const before = Number(await used())
  expect((await call()).status).toBe(200)
  expect(Number(await used())).toBeCloseTo(before + 0.02, 9)
})

it('an invalid price list keeps the previous prices', async () => {
  const { url, file, prices, logged, used, problemsIn } = await watchedGateway()
  const rejected = 'price list rejected; keeping the previous prices'
  await writeFile(prices, pricesOf(2000, 'EUR'))
  await logged(rejected)
  // The position is that of the limit.
  expect(problemsIn(rejected)).toMatchObject({
    file,
    problems: [{ line: 6, message: 'the prices are in EUR, so a limit cannot be in USD' }],
  })
  await writeFile(prices, pricesOf(-1))
  await until(() => (problemsIn(rejected) as { file: string }).file === prices)
  expect(problemsIn(rejected)).toMatchObject({ file: prices, problems: [{ line: 3 }] })
  expect((await sendChat(url, chat(10, { max_tokens: 1 }))).status).toBe(200)
  expect(await used()).toBe('0.01')
  await writeFile(prices, pricesOf(3000))
  await logged('price list reloaded')
  expect((await sendChat(url, chat(10, { max_tokens: 1 }))).status).toBe(200)
  expect(await used()).toBe('0.04')
})
