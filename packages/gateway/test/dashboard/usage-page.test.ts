import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest'
import { launchChromium } from '../../../../scripts/chromium.js'
import { send, startTestGateway } from '../server/gateway/running-gateway.js'
import { violationsOf } from './browser.js'

let browser: Browser
beforeAll(async () => {
  browser = await launchChromium()
})
afterAll(() => browser?.close())

const CONFIG = `
usage: { path: /v1/usage, models: [small, a-model-with-quite-a-long-name-2026-12-02] }
limits: [{ name: total, limit: 100/day, algorithm: fixed-window, align: calendar }]
routes:
  - { match: POST /predict, limits: [{ limit: 2/hour, algorithm: fixed-window }, { limit: 50/day, by: everyone, visible: true }] }
  - { match: 'POST /models/:model/predict', limits: [{ name: per model, limit: 1000000/month, by: [client, params.model] }] }
  - { match: POST /${'long-name'.repeat(30).replaceAll('-', '')}, limits: [{ concurrent: 4 }, { limit: 3/hour, by: body.user }] }`

it.each([
  { colorScheme: 'light', width: 1280 },
  { colorScheme: 'dark', width: 1280 },
  { colorScheme: 'light', width: 390 },
  { colorScheme: 'dark', width: 390 },
] as const)(
  'the page of the usage is accessible and fits the screen in $colorScheme mode, $width pixels wide',
  async ({ colorScheme, width }) => {
    const { url } = await startTestGateway(CONFIG)
    for (let count = 0; count < 2; count++) await send(url, '/predict')
    const page = await browser.newPage({ colorScheme, viewport: { width, height: 900 } })
    onTestFinished(() => page.close())
    const requested: string[] = []
    const errors: string[] = []
    page.on('request', (request) => requested.push(request.url()))
    page.on('console', (message) => errors.push(message.text()))
    page.on('pageerror', (error) => errors.push(String(error)))
    await page.goto(new URL('/v1/usage', url).href)
    await page.getByRole('heading', { name: 'Your limits' }).waitFor()
    expect(await page.getByText('0 requests left', { exact: true }).count()).toBe(1)
    expect(await page.getByText('98 requests left', { exact: true }).count()).toBe(1)
    expect(requested).toEqual([new URL('/v1/usage', url).href])
    expect(await page.evaluate('document.documentElement.scrollWidth - innerWidth')).toBe(0)
    expect(errors).toEqual([])
    expect(await violationsOf(page)).toEqual([])
  },
)
