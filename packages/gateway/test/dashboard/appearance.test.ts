import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { launchChromium } from '../../../../scripts/chromium.js'
import { type Appearance, open, violationsOf } from './browser.js'
import { type FakeAdminState, startFakeAdmin } from './fake-admin.js'
import { busy, idle, sample } from './fake-traffic.js'

/** Tests the page in states that are hard to reach with a real gateway. */

let browser: Browser
beforeAll(async () => {
  browser = await launchChromium()
})
afterAll(() => browser?.close())

async function openWith(state: FakeAdminState, appearance?: Appearance) {
  const admin = await startFakeAdmin(state)
  const opened = await open(browser, admin.url, appearance)
  onTestFinished(async () => {
    await opened.page.close()
    await admin.close()
  })
  return { admin, ...opened }
}

const FEW = ['POST /v1/chat/completions', 'POST /predict', 'POST /models/:model/predict', 'GET /model-info']
const MANY = Array.from({ length: 100 }, (_, index) => `POST /models/number-${index}/predict`)
const LONG = [
  'POST /organisations/:organisation/projects/:project/deployments/:deployment/v1/chat/completions',
  `POST /${'without-a-break'.repeat(20).replaceAll('-', '')}`,
]

const APPEARANCES = [
  { colorScheme: 'light', width: 1280 },
  { colorScheme: 'dark', width: 1280 },
  { colorScheme: 'light', width: 360 },
] as const

describe.each(APPEARANCES)('the dashboard in $colorScheme mode, $width pixels wide', (appearance) => {
  it.each([
    { state: 'no traffic', data: idle, client: undefined },
    {
      state: 'a hundred routes with long names',
      data: () => busy([...LONG, ...MANY]),
      client: '192.0.2.7',
    },
  ])('is accessible and fits the screen with $state', async ({ data, client }) => {
    const { page, errors } = await openWith(data(), appearance)
    await page.getByText('live', { exact: true }).waitFor()
    await page.getByRole('heading', { name: 'Rules', exact: true }).waitFor()
    for (const summary of (await page.locator('details.rule > summary').all()).slice(0, 2))
      await summary.click()
    if (client !== undefined) {
      await find(page, client)
      await page.locator('#replay').getByText('Suggest limit').click()
    }
    await page.getByRole('button', { name: 'Show configuration' }).click()
    await page.getByText('listen: 127.0.0.1:8080').waitFor()
    expect(await violationsOf(page)).toEqual([])
    expect(await page.evaluate('document.documentElement.scrollWidth - innerWidth')).toBe(0)
    expect(errors).toEqual([])
  })

  it('opens an accessible dialog', async () => {
    const { page } = await openWith(busy(FEW), appearance)
    await page.locator('details.rule > summary').first().click()
    await page.getByRole('button', { name: 'Change limit' }).first().click()
    await page.getByRole('dialog').waitFor()
    expect(await violationsOf(page)).toEqual([])
  })
})

it('the dashboard warns while the gateway is down, and reconnects when it is up again', async () => {
  const { admin, page } = await openWith(busy(FEW))
  await page.getByText('live', { exact: true }).waitFor()
  admin.setDown(true)
  admin.disconnect()
  await page.getByText('disconnected', { exact: true }).waitFor()
  await page.getByText('The data below is out of date.').waitFor()
  expect(await violationsOf(page)).toEqual([])
  await page.locator('#heaviest').getByText('The gateway does not respond.').waitFor()
  expect(await page.locator('#heaviest tbody tr').count()).toBeGreaterThan(0)
  admin.setDown(false)
  await page.getByText('live', { exact: true }).waitFor()
  expect(await page.getByText('The data below is out of date.').count()).toBe(0)
})

it('the dashboard filters the plots by the selected route', async () => {
  const { page } = await openWith(busy(FEW))
  await page.getByRole('button', { name: 'POST /predict' }).click()
  await page.getByText('POST /predict, last 15 min').first().waitFor()
  await page.getByLabel('Route shown in the plots').selectOption({ label: 'All routes' })
  await page.getByText('all routes, last 15 min').first().waitFor()
})

it('the dashboard can be used with the keyboard', async () => {
  const { page } = await openWith(busy(FEW))
  await page.getByText('live', { exact: true }).waitFor()
  await page.keyboard.press('Tab')
  await expect.poll(() => page.evaluate('document.activeElement.textContent')).toBe('Skip to content')
  await page.keyboard.press('Enter')
  await expect.poll(() => page.evaluate('document.activeElement.id')).toBe('main')
  await page.locator('details.rule > summary').first().focus()
  await page.keyboard.press('Enter')
  await page.getByText('Counts requests per').waitFor()
  await find(page, '198.51.100.7')
  await page.getByText('none; retry in 31 s').waitFor()
})

it('the dashboard keeps the order of the rules while one is expanded', async () => {
  const state = busy(FEW)
  const { admin, page } = await openWith(state)
  const names = () => page.locator('details.rule .which').allTextContents()
  const reversed = { ...state.status, routes: state.status.routes.toReversed() }
  await page.locator('details.rule > summary').first().click()
  await page.getByText('Counts requests per').waitFor()
  const before = await names()
  admin.send('status', { ...reversed, clientsTracked: 4321 })
  await page.getByText('4,321 keys tracked').waitFor()
  expect(await names()).toEqual(before)
  await page.locator('details.rule > summary').first().click()
  await expect.poll(names).not.toEqual(before)
})

it('the dashboard keeps the chosen theme after a reload', async () => {
  const { page } = await openWith(busy(FEW), { colorScheme: 'light' })
  const background = () => page.evaluate('getComputedStyle(document.body).backgroundColor')
  const light = await background()
  await page.getByLabel('Dark').check()
  await expect.poll(background).not.toBe(light)
  const dark = await background()
  await page.reload()
  await expect.poll(background).toBe(dark)
})

it('the dashboard renders fewer than 2,000 elements with a hundred routes', async () => {
  const { admin, page } = await openWith(busy(MANY))
  await page.getByRole('button', { name: 'Show all 150 rules' }).waitFor()
  admin.send('sample', sample(MANY, Date.now() + 1000, 1))
  expect(await page.evaluate("document.querySelectorAll('*').length")).toBeLessThan(2000)
})

/** Searches for a client with the keyboard. */
async function find(page: Page, text: string): Promise<void> {
  await page.getByLabel(/^Client: IP address/).focus()
  await page.keyboard.type(text)
  await page.keyboard.press('Enter')
  await page.locator('#client [role=status]', { hasText: text }).waitFor()
}
