import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest'
import { launchChromium } from '../../../../scripts/chromium.js'
import { parseConfig } from '../../src/policy/config/load-config.js'
import { compare, replay } from '../../src/replay/replay.js'
import { startRecordingGateway, writeYesterdaysRecord } from '../server/admin/recording.js'
import { send, startTestGateway } from '../server/gateway/running-gateway.js'
import { type Appearance, open, violationsOf } from './browser.js'

/** Tests the replay panel with recorded traffic. */

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

/** Opens the page of a gateway that has recorded eight clients; the n-th client sent n requests. */
async function openWithRecord(appearance: Appearance = {}) {
  const gateway = await startRecordingGateway(LIMITS)
  for (let client = 1; client <= 8; client++)
    for (let request = 0; request < client; request++) {
      const headers = { 'x-forwarded-for': `192.0.2.${client}` }
      await send(gateway.url, '/predict', { headers })
    }
  // A request may be recorded after the client receives its response.
  const playedCount = async () =>
    JSON.parse((await send(gateway.adminUrl, '/api/replay')).text).requests?.played
  await expect.poll(playedCount).toBe(36)
  const opened = await open(browser, gateway.adminUrl, appearance, '#replay')
  onTestFinished(() => opened.page.close())
  const section = opened.page.locator('.replay')
  await section.getByText(/recorded since .*; 1 file/).waitFor()
  return { gateway, section, ...opened }
}

/** Reads the figures that the page shows for a policy. */
const figuresOf = async (page: Page, name: string) => {
  const figures = await page.getByRole('region', { name, exact: true }).locator('.figure').allTextContents()
  const [requests, refused, falselyRefused] = figures.map((text) => Number(text.replaceAll(',', '')))
  return { requests, refused, falselyRefused }
}

const cellsOf = (page: Page, table: string, column: number) =>
  page.locator(`table:has(caption:text-is('${table}')) tbody tr > :nth-child(${column})`).allTextContents()

async function expectNoProblems(page: Page, errors: readonly string[]): Promise<void> {
  expect(await violationsOf(page)).toEqual([])
  expect(await page.evaluate('document.documentElement.scrollWidth - innerWidth')).toBe(0)
  expect(errors).toEqual([])
}

it('the replay panel replays the last hour with the same result as the library', async () => {
  const { gateway, section, page, errors } = await openWithRecord()
  await section.getByRole('button', { name: 'Replay', exact: true }).click()
  await page.getByRole('heading', { name: 'Replay of the last hour' }).waitFor()
  const { requests, clients } = await replay(gateway.recorded, configOf(LIMITS))
  expect(requests).toMatchObject({ played: 36, refused: 15 })
  expect(await figuresOf(page, 'Summary')).toEqual({
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
  await expectNoProblems(page, errors)
})

it.each([
  { colorScheme: 'dark', width: 360 },
  { colorScheme: 'light', width: 1280 },
] as const)(
  'the replay panel compares new limits with the running ones: $colorScheme, $width pixels wide',
  async (appearance) => {
    const { gateway, section, page, errors } = await openWithRecord(appearance)
    await section.getByText('New limits').click()
    const file = section.getByLabel('New configuration')
    expect(await file.inputValue()).toContain('limit: 3/hour')
    expect(await file.inputValue()).not.toMatch(/admin|record|identity/)
    await file.fill((await file.inputValue()).replace('3/hour', '6/hour'))
    await section.getByText('All', { exact: true }).click()
    await expectNoProblems(page, errors)
    await section.getByRole('button', { name: 'Replay', exact: true }).click()
    await page.getByRole('heading', { name: 'Replay of all recorded traffic' }).waitFor()
    const other = configOf(LIMITS.replace('3/hour', '6/hour'))
    const expected = await compare(gateway.recorded, configOf(LIMITS), other)
    expect(await figuresOf(page, 'running limits')).toMatchObject({ requests: 36, refused: 15 })
    expect(await figuresOf(page, 'new limits')).toEqual({
      requests: 36,
      refused: expected.other.requests.refused,
      falselyRefused: expected.other.requests.falselyRefused,
    })
    expect(await cellsOf(page, 'differences', 5)).toEqual(
      expected.clients.map(({ refusedByOne, refusedByOther }) => `${refusedByOther - refusedByOne}`),
    )
    await section.getByRole('heading', { name: 'Refusals compared' }).waitFor()
    await expectNoProblems(page, errors)
  },
)

it('the replay panel suggests a limit when used with the keyboard, and saves the report as a file', async () => {
  const { gateway, section, page, errors } = await openWithRecord({ width: 360 })
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
  expect((await cellsOf(page, 'evaluated limits', 1)).length).toBeGreaterThan(2)
  await expectNoProblems(page, errors)

  const saved = page.waitForEvent('download')
  await section.getByRole('button', { name: 'Save as HTML' }).click()
  const download = await saved
  expect(download.suggestedFilename()).toBe('replay.html')
  const file = join(dirname(gateway.recorded), 'replay.html')
  await download.saveAs(file)
  const savedPage = await browser.newPage()
  onTestFinished(() => savedPage.close())
  await savedPage.goto(pathToFileURL(file).href)
  await savedPage.getByRole('heading', { name: 'Replay of all recorded traffic' }).waitFor()
  await savedPage.getByRole('heading', { name: /^Suggested: \d+\/hour/ }).waitFor()
})

it('the replay panel reports an invalid configuration, and shows the progress of a replay until it is stopped', async () => {
  const { gateway, section, page, errors } = await openWithRecord()
  await section.getByText('New limits').click()
  await section.getByLabel(/^New configuration/).fill('routes: [{}]')
  await section.getByRole('button', { name: 'Replay', exact: true }).click()
  await section.getByRole('alert').waitFor()
  expect(await section.getByRole('alert').textContent()).toContain("a route requires 'match'")
  // The browser logs the rejected request.
  expect(errors.splice(0)).toEqual([expect.stringContaining('400')])

  await writeYesterdaysRecord(`${gateway.recorded}.1`, 400_000)
  await section.getByText('Running limits').click()
  await section.getByText('All', { exact: true }).click()
  await section.getByRole('button', { name: 'Replay', exact: true }).click()
  await section.getByRole('progressbar').waitFor()
  await section.getByText(/^\d+ %, [\d,]+ requests$/).waitFor()
  expect(await violationsOf(page)).toEqual([])
  await section.getByRole('button', { name: 'Stop' }).click()
  await section.getByRole('progressbar').waitFor({ state: 'detached' })
  const replayStatus = async () => (await send(gateway.adminUrl, '/api/replay?hours=1')).status
  await expect.poll(replayStatus).toBe(200)
  expect(errors).toEqual([])
})

it('the replay panel explains how to turn recording on', async () => {
  const { adminUrl } = await startTestGateway(LIMITS)
  const { page, errors } = await open(browser, adminUrl, {}, '#replay')
  onTestFinished(() => page.close())
  await page.locator('#replay').getByText('record: traffic.jsonl.gz').waitFor()
  expect(await page.locator('#replay button').count()).toBe(0)
  await expectNoProblems(page, errors)
})
