import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest'
import { launchChromium } from '../../../../scripts/chromium.js'
import { parseConfig } from '../../src/policy/config/load-config.js'
import { compare, replay } from '../../src/replay/replay.js'
import { recording, writeYesterday } from '../server/admin/recording.js'
import { running, send } from '../server/gateway/running-gateway.js'
import { type Looks, open, violationsOf } from './browser.js'

/** What was recorded is replayed from the page, as somebody does it. */

const LIMITS = `
identity: { trusted_proxies: [127.0.0.1] }
routes:
  - match: POST /predict
    limits: [{ name: few, limit: 3/hour, by: ip }]`

const configOf = (limits: string) => parseConfig(`upstream: http://127.0.0.1:1\n${limits}`, 'test.yaml')

let browser: Browser
beforeAll(async () => {
  browser = await launchChromium()
})
afterAll(() => browser?.close())

/** A gateway that eight clients have sent requests to, the n-th of them n, and its page. */
async function recorded(looks: Looks = {}) {
  const gateway = await recording(LIMITS)
  for (let client = 1; client <= 8; client++)
    for (let request = 0; request < client; request++) {
      const headers = { 'x-forwarded-for': `192.0.2.${client}` }
      await send(gateway.url, '/predict', { headers })
    }
  // A request is recorded at its end, which may be a moment after its client has the answer.
  const played = async () => JSON.parse((await send(gateway.adminUrl, '/api/replay')).text).requests?.played
  await expect.poll(played).toBe(36)
  const watched = await open(browser, gateway.adminUrl, looks)
  onTestFinished(() => watched.page.close())
  const section = watched.page.locator('.replay')
  await section.getByText(/recorded since .*; 1 file/).waitFor()
  return { gateway, section, ...watched }
}

/** The figures of one policy, as they are shown. */
const figuresOf = async (page: Page, name: string) => {
  const figures = await page.getByRole('region', { name, exact: true }).locator('.figure').allTextContents()
  const [requests, refused, falselyRefused] = figures.map((text) => Number(text.replaceAll(',', '')))
  return { requests, refused, falselyRefused }
}

const cellsOf = (page: Page, table: string, column: number) =>
  page.locator(`table:has(caption:text-is('${table}')) tbody tr > :nth-child(${column})`).allTextContents()

async function looksWell(page: Page, complaints: readonly string[]): Promise<void> {
  expect(await violationsOf(page)).toEqual([])
  expect(await page.evaluate('document.documentElement.scrollWidth - innerWidth')).toBe(0)
  expect(complaints).toEqual([])
}

it('plays the last hour through the limits that run, and says what the same file says elsewhere', async () => {
  const { gateway, section, page, complaints } = await recorded()
  await section.getByRole('button', { name: 'Replay', exact: true }).click()
  await page.getByRole('heading', { name: 'Replay of the last hour' }).waitFor()
  const { requests, clients } = await replay(gateway.recorded, configOf(LIMITS))
  expect(requests).toMatchObject({ played: 36, refused: 15 })
  expect(await figuresOf(page, 'In short')).toEqual({
    requests: requests.played,
    refused: requests.refused,
    falselyRefused: requests.falselyRefused,
  })
  expect(await section.locator('canvas').count()).toBe(2)
  expect(await cellsOf(page, 'rules', 4)).toEqual(['15'])
  expect(await cellsOf(page, 'clients', 1)).toEqual(clients.listed.map(({ client }) => client))
  await section.locator('#clients').getByRole('button', { name: 'Requests' }).click()
  expect(await cellsOf(page, 'clients', 3)).toEqual(['8', '7', '6', '5', '4', '3', '2', '1'])
  const [last = ''] = clients.listed.map(({ client }) => client).reverse()
  await section.locator('#clients').getByRole('searchbox').fill(last)
  expect(await cellsOf(page, 'clients', 1)).toEqual([last])
  await looksWell(page, complaints)
})

it.each([
  { colorScheme: 'dark', width: 360 },
  { colorScheme: 'light', width: 1280 },
] as const)('sets other limits beside them: $colorScheme, $width pixels wide', async (looks) => {
  const { gateway, section, page, complaints } = await recorded(looks)
  await section.getByText('Other limits').click()
  const file = section.getByLabel('Configuration that is set beside the one that runs')
  expect(await file.inputValue()).toContain('limit: 3/hour')
  expect(await file.inputValue()).not.toMatch(/admin|record|identity/)
  await file.fill((await file.inputValue()).replace('3/hour', '6/hour'))
  await section.getByText('All', { exact: true }).click()
  await looksWell(page, complaints)
  await section.getByRole('button', { name: 'Replay', exact: true }).click()
  await page.getByRole('heading', { name: 'Replay of all that was recorded' }).waitFor()
  const other = configOf(LIMITS.replace('3/hour', '6/hour'))
  const expected = await compare(gateway.recorded, configOf(LIMITS), other)
  expect(await figuresOf(page, 'the limits that run')).toMatchObject({ requests: 36, refused: 15 })
  expect(await figuresOf(page, 'the other limits')).toEqual({
    requests: 36,
    refused: expected.other.requests.refused,
    falselyRefused: expected.other.requests.falselyRefused,
  })
  expect(await cellsOf(page, 'differences', 5)).toEqual(
    expected.clients.map(({ refusedByOne, refusedByOther }) => `${refusedByOther - refusedByOne}`),
  )
  await section.getByRole('heading', { name: 'Refused, side by side' }).waitFor()
  await looksWell(page, complaints)
})

it('finds the limit that grants a wish, by keyboard alone, and keeps the page of it as a file', async () => {
  const { gateway, section, page, complaints } = await recorded({ width: 360 })
  await section.getByLabel('1 hour').focus()
  await page.keyboard.press('ArrowLeft')
  await page.keyboard.press('Tab')
  await page.keyboard.press('ArrowLeft')
  await page.keyboard.press('Tab')
  await page.keyboard.type('refuse at most 0% of requests')
  await page.keyboard.press('Tab')
  expect(await section.getByLabel(/^Rule whose limit/).textContent()).toBe('few on POST /predict, now 3/hour')
  await page.keyboard.press('Tab')
  await page.keyboard.press('Enter')
  await section.getByRole('heading', { name: /^Suggested: \d+\/hour/ }).waitFor()
  expect(await section.getByLabel(/^Rule whose limit/).inputValue()).toBe('0')
  expect(await section.locator('pre.suggested').textContent()).toContain('match: POST /predict')
  expect((await cellsOf(page, 'limits that were tried', 1)).length).toBeGreaterThan(2)
  await looksWell(page, complaints)

  const saved = page.waitForEvent('download')
  await section.getByRole('button', { name: 'Save as a page' }).click()
  const download = await saved
  expect(download.suggestedFilename()).toBe('replay.html')
  const file = join(dirname(gateway.recorded), 'replay.html')
  await download.saveAs(file)
  const kept = await browser.newPage()
  onTestFinished(() => kept.close())
  await kept.goto(pathToFileURL(file).href)
  await kept.getByRole('heading', { name: 'Replay of all that was recorded' }).waitFor()
  await kept.getByRole('heading', { name: /^Suggested: \d+\/hour/ }).waitFor()
})

it('says what is wrong with a configuration, and shows how far it is until it is stopped', async () => {
  const { gateway, section, page, complaints } = await recorded()
  await section.getByText('Other limits').click()
  await section.getByLabel(/^Configuration that is set/).fill('routes: [{}]')
  await section.getByRole('button', { name: 'Replay', exact: true }).click()
  await section.getByRole('alert').waitFor()
  expect(await section.getByRole('alert').textContent()).toContain("a route has a 'match'")
  // The browser itself tells the console of it.
  expect(complaints.splice(0)).toEqual([expect.stringContaining('400')])

  await writeYesterday(`${gateway.recorded}.1`, 400_000)
  await section.getByText('As it runs').click()
  await section.getByText('All', { exact: true }).click()
  await section.getByRole('button', { name: 'Replay', exact: true }).click()
  await section.getByRole('progressbar').waitFor()
  await section.getByText(/^\d+ %, [\d,]+ requests$/).waitFor()
  expect(await violationsOf(page)).toEqual([])
  await section.getByRole('button', { name: 'Stop' }).click()
  await section.getByRole('progressbar').waitFor({ state: 'detached' })
  const free = async () => (await send(gateway.adminUrl, '/api/replay?hours=1')).status
  await expect.poll(free).toBe(200)
  expect(complaints).toEqual([])
})

it('says how to have something to replay where nothing is recorded', async () => {
  const { adminUrl } = await running(LIMITS)
  const { page, complaints } = await open(browser, adminUrl)
  onTestFinished(() => page.close())
  await page.locator('#replay').getByText('record: traffic.jsonl.gz').waitFor()
  expect(await page.locator('#replay button').count()).toBe(0)
  await looksWell(page, complaints)
})
