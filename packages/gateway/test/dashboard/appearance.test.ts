import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { launchChromium } from '../../../../scripts/chromium.js'
import { type Looks, open, violationsOf } from './browser.js'
import { type FakeAdminState, startFakeAdmin } from './fake-admin.js'
import { busy, nothing, sample } from './fake-traffic.js'

/** The page in states that a real gateway comes to only with much trouble. */

let browser: Browser
beforeAll(async () => {
  browser = await launchChromium()
})
afterAll(() => browser?.close())

async function shown(told: FakeAdminState, looks?: Looks) {
  const admin = await startFakeAdmin(told)
  const watched = await open(browser, admin.url, looks)
  onTestFinished(async () => {
    await watched.page.close()
    await admin.close()
  })
  return { admin, ...watched }
}

const FEW = ['POST /v1/chat/completions', 'POST /predict', 'POST /models/:model/predict', 'GET /model-info']
const MANY = Array.from({ length: 100 }, (_, index) => `POST /models/number-${index}/predict`)
const LONG = [
  'POST /organisations/:organisation/projects/:project/deployments/:deployment/v1/chat/completions',
  `POST /${'without-a-break'.repeat(20).replaceAll('-', '')}`,
]

const LOOKS = [
  { colorScheme: 'light', width: 1280 },
  { colorScheme: 'dark', width: 1280 },
  { colorScheme: 'light', width: 360 },
] as const

describe.each(LOOKS)('$colorScheme, $width pixels wide', (looks) => {
  it.each([
    { state: 'nothing yet', told: nothing, client: undefined },
    {
      state: 'a hundred routes, some of long names',
      told: () => busy([...LONG, ...MANY]),
      client: '192.0.2.7',
    },
  ])('$state: nothing for axe to find, nothing wider than the page', async ({ told, client }) => {
    const { page, complaints } = await shown(told(), looks)
    await page.getByText('live', { exact: true }).waitFor()
    await page.getByRole('heading', { name: 'Rules', exact: true }).waitFor()
    for (const summary of (await page.locator('details.rule > summary').all()).slice(0, 2))
      await summary.click()
    if (client !== undefined) {
      await find(page, client)
      await page.locator('#replay').getByText('A wish').click()
    }
    await page.getByRole('button', { name: 'Show the configuration' }).click()
    await page.getByText('listen: 127.0.0.1:8080').waitFor()
    expect(await violationsOf(page)).toEqual([])
    expect(await page.evaluate('document.documentElement.scrollWidth - innerWidth')).toBe(0)
    expect(complaints).toEqual([])
  })

  it('a question: nothing for axe to find', async () => {
    const { page } = await shown(busy(FEW), looks)
    await page.locator('details.rule > summary').first().click()
    await page.getByRole('button', { name: 'Change the limit' }).first().click()
    await page.getByRole('dialog').waitFor()
    expect(await violationsOf(page)).toEqual([])
  })
})

it('comes back by itself when the gateway does, and says meanwhile that it is gone', async () => {
  const { admin, page } = await shown(busy(FEW))
  await page.getByText('live', { exact: true }).waitFor()
  admin.setAway(true)
  admin.cut()
  await page.getByText('not connected').waitFor()
  await page.getByText('What you see is as it last was.').waitFor()
  expect(await violationsOf(page)).toEqual([])
  await page.locator('#heaviest').getByText('The gateway does not answer.').waitFor()
  expect(await page.locator('#heaviest tbody tr').count()).toBeGreaterThan(0)
  admin.setAway(false)
  await page.getByText('live', { exact: true }).waitFor()
  expect(await page.getByText('What you see is as it last was.').count()).toBe(0)
})

it('shows the course of one route when it is chosen', async () => {
  const { page } = await shown(busy(FEW))
  await page.getByRole('button', { name: 'POST /predict' }).click()
  await page.getByText('POST /predict, last 15 min').first().waitFor()
  await page.getByLabel('Route that the plots show').selectOption({ label: 'All routes' })
  await page.getByText('all routes, last 15 min').first().waitFor()
})

it('is used by keyboard: the skip link, a rule, a search', async () => {
  const { page } = await shown(busy(FEW))
  await page.getByText('live', { exact: true }).waitFor()
  await page.keyboard.press('Tab')
  await expect.poll(() => page.evaluate('document.activeElement.textContent')).toBe('Skip to the figures')
  await page.keyboard.press('Enter')
  await expect.poll(() => page.evaluate('document.activeElement.id')).toBe('main')
  await page.locator('details.rule > summary').first().focus()
  await page.keyboard.press('Enter')
  await page.getByText('Counts requests for each').waitFor()
  await find(page, '198.51.100.7')
  await page.getByText('nothing; again in 31 s').waitFor()
})

it('moves no rule while one is open', async () => {
  const told = busy(FEW)
  const { admin, page } = await shown(told)
  const names = () => page.locator('details.rule .which').allTextContents()
  const emptiest = { ...told.status, routes: told.status.routes.toReversed() }
  await page.locator('details.rule > summary').first().click()
  await page.getByText('Counts requests for each').waitFor()
  const before = await names()
  admin.tell('status', { ...emptiest, clientsTracked: 4321 })
  await page.getByText('of 4,321 keys followed').waitFor()
  expect(await names()).toEqual(before)
  await page.locator('details.rule > summary').first().click()
  await expect.poll(names).not.toEqual(before)
})

it('keeps the colours that were chosen', async () => {
  const { page } = await shown(busy(FEW), { colorScheme: 'light' })
  const ground = () => page.evaluate('getComputedStyle(document.body).backgroundColor')
  const light = await ground()
  await page.getByLabel('Dark').check()
  await expect.poll(ground).not.toBe(light)
  const dark = await ground()
  await page.reload()
  await expect.poll(ground).toBe(dark)
})

it('draws as little with a hundred routes as with a dozen', async () => {
  const { admin, page } = await shown(busy(MANY))
  await page.getByRole('button', { name: 'Show all 150 rules' }).waitFor()
  admin.tell('sample', sample(MANY, Date.now() + 1000, 1))
  expect(await page.evaluate("document.querySelectorAll('*').length")).toBeLessThan(2000)
})

/** By keyboard alone. */
async function find(page: Page, text: string): Promise<void> {
  await page.getByLabel(/^Client: an address/).focus()
  await page.keyboard.type(text)
  await page.keyboard.press('Enter')
  await page.locator('#client [role=status]', { hasText: text }).waitFor()
}
