import { createHash } from 'node:crypto'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { launchChromium } from '../../../../scripts/chromium.js'
import { echo, type Running, running, send } from '../server/gateway/running-gateway.js'
import { open, violationsOf } from './browser.js'

/** The page of a gateway that runs, as somebody uses it. */

const TOKEN = 'a-token-of-some-length'
const HASH = createHash('sha256').update(TOKEN).digest('hex')

const RULES = `
routes:
  - match: POST /predict
    limits: [{ name: few, limit: 2/hour, algorithm: fixed-window }]
  - match: POST /trial
    limits: [{ name: trial, limit: 1/hour, algorithm: fixed-window, enforce: false }]`

let browser: Browser
beforeAll(async () => {
  browser = await launchChromium()
})
afterAll(() => browser?.close())

async function used({ token = true, host = '127.0.0.1' } = {}) {
  const admin = `{ listen: '${host}:0'${token ? `, token_sha256: ${HASH}` : ''} }`
  const gateway = await running(RULES, echo, admin)
  const watched = await open(browser, gateway.adminUrl)
  onTestFinished(() => watched.page.close())
  return { gateway, ...watched }
}

const live = (page: Page) => page.getByText('live', { exact: true }).waitFor()
const predict = async ({ url }: Running, path = '/predict') => (await send(url, path)).status

/** Opens the line of a rule, where what may be done with it is. */
async function openRule(page: Page, name: string): Promise<void> {
  await page.locator('#rules summary', { hasText: name }).click()
}

it('shows a refusal within two seconds of it', async () => {
  const { gateway, page, complaints } = await used()
  await live(page)
  for (const status of [200, 200]) expect(await predict(gateway)).toBe(status)
  const refused = page.locator('#refusals tr', { hasText: 'few' })
  const waits: number[] = []
  // The quickest of a few: this is about the page, and not about what else the machine does meanwhile.
  for (let count = 1; count <= 5; count++) {
    expect(await predict(gateway)).toBe(429)
    const begun = performance.now()
    await refused.getByRole('cell', { name: String(count), exact: true }).waitFor()
    waits.push(performance.now() - begun)
  }
  expect(Math.min(...waits)).toBeLessThan(2000)
  expect(await refused.textContent()).toContain('used up')
  expect(await page.title()).toMatch(/refused|Sluice/)
  expect(complaints).toEqual([])
})

it('finds a client, and says what it may do now and when it gets more', async () => {
  const { gateway, page, complaints } = await used()
  for (const status of [200, 200, 429]) expect(await predict(gateway)).toBe(status)
  await page.getByLabel(/^Client: an address/).fill('127.0.0')
  await page.getByRole('button', { name: 'Find', exact: true }).click()
  const few = page.locator('#client tr', { hasText: 'few' })
  await few.getByText(/nothing; again in (1 h|59 min)/).waitFor()
  expect(complaints).toEqual([])
  await page.getByLabel(/^Client: an address/).fill('nobody-of-this-name')
  await page.getByRole('button', { name: 'Find', exact: true }).click()
  await page.getByText('Nobody like “nobody-of-this-name” has been seen lately.').waitFor()
})

it('shows shadow rules beside what they would have refused', async () => {
  const { gateway, page } = await used()
  await live(page)
  for (let n = 0; n < 3; n++) expect(await predict(gateway, '/trial')).toBe(200)
  const trial = page.locator('#shadow tr', { hasText: 'trial' })
  await trial.getByRole('cell', { name: '2', exact: true }).waitFor()
  await trial.getByRole('cell', { name: '66 %' }).waitFor()
})

describe('what may be done from it', () => {
  it('a rule is set to shadow with the token, and not without it', async () => {
    const { gateway, page, complaints } = await used()
    for (const status of [200, 200, 429]) expect(await predict(gateway)).toBe(status)
    await openRule(page, 'few')
    await page.getByRole('button', { name: 'Set to shadow: few on POST /predict' }).click()
    const dialog = page.getByRole('dialog', { name: 'Set the rule to shadow?' })
    const confirm = dialog.getByRole('button', { name: 'Set to shadow' })
    await confirm.click()
    await dialog.getByText('This needs the admin token.').waitFor()
    await dialog.getByLabel('Admin token').fill('another-token')
    await confirm.click()
    await dialog.getByText('That is not the admin token.').waitFor()
    expect(await predict(gateway)).toBe(429)
    await dialog.getByLabel('Admin token').fill(TOKEN)
    await confirm.click()
    await page.getByText('few only watches now').waitFor()
    expect(await predict(gateway)).toBe(200)
    await page.locator('#rules summary', { hasText: 'few' }).getByText('shadow', { exact: true }).waitFor()
    await page.getByRole('button', { name: 'Undo: few on POST /predict' }).click()
    await page.getByRole('button', { name: 'Undo the change' }).click()
    await page.getByText('few is as the file says').waitFor()
    expect(await predict(gateway)).toBe(429)
    // The browser itself tells the console of the two refusals.
    expect(complaints.filter((complaint) => !complaint.includes('401'))).toEqual([])
    expect(complaints).toHaveLength(2)
  })

  it('a limit is changed; what is no limit is told', async () => {
    const { gateway, page } = await used()
    await openRule(page, 'few')
    await page.getByRole('button', { name: 'Change the limit: few on POST /predict' }).click()
    const dialog = page.getByRole('dialog')
    await dialog.getByLabel('New limit').fill('many')
    await dialog.getByLabel('Admin token').fill(TOKEN)
    await dialog.getByRole('button', { name: 'Change the limit' }).click()
    await dialog.getByRole('alert').waitFor()
    expect(await dialog.getByRole('alert').textContent()).toContain('many')
    await dialog.getByLabel('New limit').fill('3/hour')
    await dialog.getByRole('button', { name: 'Change the limit' }).click()
    await dialog.waitFor({ state: 'detached' })
    await page.locator('#rules summary', { hasText: '3/hour' }).getByText('changed here').waitFor()
    for (const status of [200, 200, 200, 429]) expect(await predict(gateway)).toBe(status)
  })

  it('a client is reset', async () => {
    const { gateway, page } = await used()
    for (const status of [200, 200, 429]) expect(await predict(gateway)).toBe(status)
    await openRule(page, 'few')
    await page.getByRole('button', { name: /^Reset: 127\.0\.0\.1/ }).click()
    const dialog = page.getByRole('dialog')
    await dialog.getByLabel('Admin token').fill(TOKEN)
    await dialog.getByRole('button', { name: 'Reset the client' }).click()
    await dialog.waitFor({ state: 'detached' })
    expect(await predict(gateway)).toBe(200)
  })

  it('is nothing where no token is configured, and the page says why', async () => {
    const { gateway, page } = await used({ token: false })
    expect(await predict(gateway)).toBe(200)
    await openRule(page, 'few')
    await page.getByRole('cell', { name: /50 %/ }).first().waitFor()
    expect(await page.getByRole('button', { name: /shadow|limit|Reset/i }).count()).toBe(0)
    await page.getByText('This page shows and changes nothing.').waitFor()
  })
})

it('asks for the token first where others reach the port', async () => {
  const { page } = await used({ host: '0.0.0.0' })
  await page.getByRole('heading', { name: 'The admin token, please' }).waitFor()
  expect(await violationsOf(page)).toEqual([])
  await page.getByRole('textbox', { name: 'Admin token' }).fill('another-token')
  await page.getByRole('button', { name: 'Show the dashboard' }).click()
  await page.getByText('That is not the admin token.').waitFor()
  await page.getByRole('textbox', { name: 'Admin token' }).fill(TOKEN)
  await page.getByRole('button', { name: 'Show the dashboard' }).click()
  await page.locator('#rules summary', { hasText: 'few' }).waitFor()
  await page.getByRole('button', { name: 'Show the configuration' }).click()
  await page.getByText('POST /predict').last().waitFor()
  expect(await page.content()).not.toContain(HASH)
  await page.getByRole('button', { name: 'Forget the token' }).click()
  await page.getByRole('heading', { name: 'The admin token, please' }).waitFor()
  expect(await page.content()).not.toContain('few')
})
