import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest'
import { launchChromium } from '../../../../scripts/chromium.js'
import { withoutFiles } from '../../src/policy/config/files/read-variables.js'
import { startTestGateway, until } from '../server/gateway/running-gateway.js'
import { CHAT, chat } from '../server/gateway/tokens/chat-calls.js'
import { chatModel } from '../server/gateway/tokens/chat-model.js'
import { open } from './browser.js'

const TOKEN = 'a-token-of-some-length'
const PRICES = 'currency: USD\nas_of: 2026-11-01\nmodels: { m: { input: 1000, output: 0 } }\n'

let browser: Browser
beforeAll(async () => {
  browser = await launchChromium()
})
afterAll(() => browser?.close())

/** Starts a gateway on which each client has spent an amount, in cents. */
async function spent(
  clients: Readonly<Record<string, readonly [team: string, cents: number]>>,
  host = '127.0.0.1',
) {
  const model = chatModel({ words: ['Hi'], usage: { prompt_tokens: 10, completion_tokens: 1 } })
  const hash = createHash('sha256').update(TOKEN).digest('hex')
  const gateway = await startTestGateway(
    `prices: prices.yaml
identity:
  trusted_proxies: [127.0.0.0/8]
  proxy_headers: { client: X-Client-Id, labels: { team: X-Team } }
routes: [{ match: POST ${CHAT}, llm: openai, limits: [{ limit: 20 USD/day, of: money }] }]`,
    model.listener,
    `{ listen: '${host}:0', token_sha256: ${hash} }`,
    '127.0.0.1:0',
    { ...withoutFiles, priceList: () => PRICES },
  )
  for (const [client, [team, cents]] of Object.entries(clients))
    for (let call = 0; call < cents; call++)
      await fetch(gateway.url + CHAT, {
        ...{ method: 'POST', body: JSON.stringify(chat(10, { max_tokens: 1 })) },
        headers: { 'content-type': 'application/json', 'x-client-id': client, 'x-team': team },
      })
  const headers = { authorization: `Bearer ${TOKEN}` }
  const total = Object.values(clients).reduce((sum, [, cents]) => sum + cents, 0)
  const read = async (query: string) =>
    (await fetch(`${gateway.adminUrl}/api/spend?${query}`, { headers })).text()
  await until(async () => JSON.parse(await read('')).totals[0]?.requests === total)
  return { ...gateway, read }
}

it('the tab for spend groups by labels, can be linked, and offers a download', async () => {
  const gateway = await spent({ ada: ['red', 3], '=bob': ['red', 1], eve: ['green', 2] })
  const { page, errors } = await open(browser, gateway.adminUrl, {}, '#spend?by=team')
  onTestFinished(() => page.close())
  const rows = page.locator('#spend tbody tr')
  await expect
    .poll(() => rows.allTextContents())
    .toEqual([expect.stringMatching(/^red0\.04 USD66\s%4/), expect.stringMatching(/^green0\.02 USD33\s%2/)])
  await page.locator('#spend header').getByText('0.06 USD in total').waitFor()
  await page.getByLabel('Group by').selectOption('client')
  await expect.poll(() => rows.count()).toBe(3)
  expect(new URL(page.url()).hash).toBe('#spend?by=client')
  const download = page.waitForEvent('download')
  await page.getByRole('link', { name: 'Download CSV' }).click()
  const file = await download
  expect(file.suggestedFilename()).toMatch(/^spend-by-client-.*\.csv$/)
  const csv = await readFile(await file.path(), 'utf8')
  const month = await page.getByLabel('Month').inputValue()
  expect(csv).toBe(await gateway.read(`by=client&month=${month}&format=csv`))
  expect(csv).toContain('"\'=bob",USD,0.01,1,10,0,1\r\n')
  await page.getByLabel('Month').selectOption({ index: 13 })
  await page.getByText('Nothing was spent in this month.').waitFor()
  await page.goBack()
  expect(errors).toEqual([])
})

it('the download uses the token that the page has', async () => {
  const gateway = await spent({ ada: ['red', 1] }, '0.0.0.0')
  const { page } = await open(browser, gateway.adminUrl.replace('127.0.0.1', '0.0.0.0'), {}, '#spend')
  onTestFinished(() => page.close())
  await page.getByRole('textbox', { name: 'Admin token' }).fill(TOKEN)
  await page.getByRole('button', { name: 'Sign in' }).click()
  await page.locator('#spend tbody tr').first().waitFor()
  const download = page.waitForEvent('download')
  await page.getByRole('link', { name: 'Download CSV' }).click()
  expect(await readFile(await (await download).path(), 'utf8')).toContain('ada,USD,0.01,1,10,0,1\r\n')
})
