import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { launchChromium } from '../../../../scripts/chromium.js'
import { type Appearance, open, showTab, violationsOf } from './browser.js'
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

const LIGHT_WIDE = { colorScheme: 'light', width: 1280 } as const
const DARK_NARROW = { colorScheme: 'dark', width: 390 } as const
const APPEARANCES = [
  LIGHT_WIDE,
  { colorScheme: 'dark', width: 1280 },
  { colorScheme: 'light', width: 390 },
  DARK_NARROW,
] as const

/** Checks the tab that is shown. */
async function expectAccessible(page: Page): Promise<void> {
  expect(await violationsOf(page)).toEqual([])
  expect(await page.evaluate('document.documentElement.scrollWidth - innerWidth')).toBe(0)
}

/** What is done in each tab before it is checked. */
const TABS: Readonly<Record<string, (page: Page) => Promise<unknown>>> = {
  Traffic: (page) => page.locator('#routes').waitFor(),
  Tokens: (page) => page.locator('#token-shares').waitFor(),
  Refusals: (page) =>
    page
      .locator('#recent-refusals')
      .getByText(/newest first/)
      .waitFor(),
  async Rules(page) {
    for (const summary of (await page.locator('details.rule > summary').all()).slice(0, 2))
      await summary.click()
  },
  Keys: (page) =>
    page
      .locator('#keys')
      .getByText(/acme|keeps no keys/)
      .first()
      .waitFor(),
  async Clients(page) {
    await page.locator('#heaviest').waitFor()
    await page.locator('#tree :is(.tree, .empty)').first().waitFor()
  },
  Spend: (page) => page.locator('#spend :is(table, .empty)').first().waitFor(),
  Replay: (page) => page.locator('#replay').waitFor(),
  async Gateway(page) {
    await page.getByRole('button', { name: 'Show configuration' }).click()
    await page.getByText('listen: 127.0.0.1:8080').waitFor()
  },
}

async function checkTabs(data: FakeAdminState, appearance: (typeof APPEARANCES)[number]): Promise<void> {
  const { page, errors } = await openWith(data, appearance)
  await page.getByText('live', { exact: true }).waitFor()
  for (const [tab, prepare] of Object.entries(TABS)) {
    await showTab(page, tab)
    await prepare(page)
    for (const terms of await page.locator('details.terms > summary').all()) await terms.click()
    await expectAccessible(page)
  }
  expect(errors).toEqual([])
}

it.each(APPEARANCES)(
  'the dashboard is accessible and fits the screen in every tab with a hundred routes with long names, in $colorScheme mode, $width pixels wide',
  (appearance) => checkTabs(busy([...LONG, ...MANY]), appearance),
)

describe.each([LIGHT_WIDE, DARK_NARROW])(
  'the dashboard in $colorScheme mode, $width pixels wide',
  (appearance) => {
    it('is accessible and fits the screen in every tab without traffic', () => checkTabs(idle(), appearance))

    it('shows a client, a form of the replay and a dialog that are accessible and fit the screen', async () => {
      const { page } = await openWith(busy(FEW), appearance)
      await showTab(page, 'Clients')
      await find(page, '192.0.2.7')
      await page.getByText('tokens of the day').waitFor()
      await expectAccessible(page)
      await showTab(page, 'Replay')
      await page.locator('#replay').getByText('Suggest limit').click()
      await expectAccessible(page)
      await showTab(page, 'Keys')
      await page.getByRole('button', { name: 'Create a key' }).click()
      await page.getByRole('dialog', { name: 'Create a key' }).waitFor()
      await expectAccessible(page)
      await page.getByRole('button', { name: 'Cancel' }).click()
      await showTab(page, 'Rules')
      await page.locator('details.rule > summary').first().click()
      await page.getByRole('button', { name: 'Change limit' }).first().click()
      await page.getByRole('dialog').waitFor()
      await expectAccessible(page)
    })
  },
)

it('every number of the dashboard has a tooltip that says what it means', async () => {
  const { page } = await openWith(busy(FEW))
  await page.getByText('live', { exact: true }).waitFor()
  for (const [tab, prepare] of Object.entries(TABS)) {
    await showTab(page, tab)
    await prepare(page)
    const numbers = page.locator(
      '[role=tabpanel]:not([hidden]) :is(.tile, td, .legend li:not(.at), .counts, .nearest)',
    )
    const without = await numbers.evaluateAll(
      (all: { closest(selector: string): unknown; outerHTML: string }[]) =>
        all.filter((each) => each.closest('[title]') === null).map((each) => each.outerHTML),
    )
    expect(without, tab).toEqual([])
  }
})

it('the dashboard warns while the gateway is down, and reconnects when it is up again', async () => {
  const { admin, page } = await openWith(busy(FEW))
  await page.getByText('live', { exact: true }).waitFor()
  await showTab(page, 'Clients')
  await page.locator('#heaviest tbody tr').first().waitFor()
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
  await page.getByRole('tab', { name: 'Traffic' }).focus()
  for (const [key, tab] of [
    ['ArrowRight', 'Tokens'],
    ['ArrowLeft', 'Traffic'],
    ['ArrowLeft', 'Gateway'],
    ['Home', 'Traffic'],
    ['End', 'Gateway'],
    ['ArrowRight', 'Traffic'],
  ] as const) {
    await page.keyboard.press(key)
    await page.getByRole('tab', { name: tab, selected: true }).waitFor()
    await expect.poll(() => page.evaluate('document.activeElement.textContent')).toBe(tab)
  }
  for (let n = 0; n < 3; n++) await page.keyboard.press('ArrowRight')
  await page.getByRole('tabpanel', { name: 'Rules' }).waitFor()
  // The other tabs are not in the tab sequence.
  await page.keyboard.press('Tab')
  await expect.poll(() => page.evaluate('document.activeElement.id')).toBe('panel-rules')
  await page.locator('details.rule > summary').first().focus()
  await page.keyboard.press('Enter')
  await page.getByText('Counts requests per').waitFor()
  await showTab(page, 'Clients')
  await find(page, '198.51.100.7')
  await page.getByText('none; retry in 31 s').waitFor()
})

it('the dashboard keeps the order of the rules while one is expanded', async () => {
  const state = busy(FEW)
  const { admin, page } = await openWith(state)
  await showTab(page, 'Rules')
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
  await page.getByText('live', { exact: true }).waitFor()
  for (const [tab, prepare] of Object.entries(TABS)) {
    await showTab(page, tab)
    await prepare(page)
    admin.send('sample', sample(MANY, Date.now() + 1000, 1))
    expect(await page.evaluate("document.querySelectorAll('*').length"), tab).toBeLessThan(2000)
  }
  await showTab(page, 'Rules')
  await page.getByRole('button', { name: 'Show all 150 rules' }).waitFor()
})

/** Searches for a client with the keyboard. */
async function find(page: Page, text: string): Promise<void> {
  await page.getByLabel(/^Client: IP address/).focus()
  await page.keyboard.type(text)
  await page.keyboard.press('Enter')
  await page.locator('#client [role=status]', { hasText: text }).waitFor()
}
