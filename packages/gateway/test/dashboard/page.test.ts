import { createHash } from 'node:crypto'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { launchChromium } from '../../../../scripts/chromium.js'
import {
  echo,
  send,
  startTestGateway,
  startUpstream,
  type TestGateway,
} from '../server/gateway/running-gateway.js'
import { unusedAddress } from '../server/proxy/upstream-under-test.js'
import { open, showTab, violationsOf } from './browser.js'

/** Tests the page of a running gateway. */

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

async function openDashboard({ token = true, host = '127.0.0.1', rules = RULES } = {}) {
  const admin = `{ listen: '${host}:0'${token ? `, token_sha256: ${HASH}` : ''} }`
  const gateway = await startTestGateway(rules, echo, admin)
  const opened = await open(browser, gateway.adminUrl)
  onTestFinished(() => opened.page.close())
  return { gateway, ...opened }
}

const untilLive = (page: Page) => page.getByText('live', { exact: true }).waitFor()
const predict = async ({ url }: TestGateway, path = '/predict') => (await send(url, path)).status

/** Expands a rule to show its actions. */
async function openRule(page: Page, name: string): Promise<void> {
  await showTab(page, 'Rules')
  await page.locator('#rules summary', { hasText: name }).click()
}

it('the dashboard shows a refusal within two seconds', async () => {
  const { gateway, page, errors } = await openDashboard()
  await untilLive(page)
  for (const status of [200, 200]) expect(await predict(gateway)).toBe(status)
  const refused = page.locator('#refusals tr', { hasText: 'few' })
  const waits: number[] = []
  // Only the fastest of five counts, so other load on the machine does not fail the test.
  for (let count = 1; count <= 5; count++) {
    expect(await predict(gateway)).toBe(429)
    const startedAt = performance.now()
    await refused.getByRole('cell', { name: String(count), exact: true }).waitFor()
    waits.push(performance.now() - startedAt)
  }
  expect(Math.min(...waits)).toBeLessThan(2000)
  expect(await refused.textContent()).toContain('limit reached')
  expect(await page.title()).toMatch(/refused|Sluice/)
  expect(errors).toEqual([])
})

it('the dashboard finds a client by part of its address and shows when it can retry', async () => {
  const { gateway, page, errors } = await openDashboard()
  for (const status of [200, 200, 429]) expect(await predict(gateway)).toBe(status)
  await showTab(page, 'Clients')
  await page.getByLabel(/^Client: IP address/).fill('127.0.0')
  await page.getByRole('button', { name: 'Find', exact: true }).click()
  const few = page.locator('#client tr', { hasText: 'few' })
  await few.getByText(/none; retry in (1 h|59 min)/).waitFor()
  expect(errors).toEqual([])
  await page.getByLabel(/^Client: IP address/).fill('unknown-client')
  await page.getByRole('button', { name: 'Find', exact: true }).click()
  await page.getByText('No client matching “unknown-client” was seen recently.').waitFor()
})

it('the dashboard shows which addresses of an upstream are in use', async () => {
  const [dead, working] = [await unusedAddress(), await startUpstream(echo)]
  const rules = `
upstreams:
  pool: { urls: ["${dead}", "${working}"] }
routes:
  - { match: POST /predict, upstream: pool }`
  const { gateway, page, errors } = await openDashboard({ rules })
  await untilLive(page)
  await showTab(page, 'Gateway')
  const lineOf = (url: string) => page.locator('#store-status dd', { hasText: new URL(url).host })
  await lineOf(dead).getByText('in use').waitFor()
  // Addresses take turns, and one that fails three times is skipped.
  for (let n = 0; n < 6; n++) expect(await predict(gateway)).toBe(200)
  await lineOf(dead).getByText('skipped').waitFor()
  expect(await lineOf(working).textContent()).toMatch(/in use\s+0 in flight/)
  expect(await page.locator('#store-status dt', { hasText: 'Upstream pool' }).count()).toBe(2)
  expect(await violationsOf(page)).toEqual([])
  expect(errors).toEqual([])
})

it('the dashboard shows the requests that shadow rules would have refused', async () => {
  const { gateway, page } = await openDashboard()
  await untilLive(page)
  for (let n = 0; n < 3; n++) expect(await predict(gateway, '/trial')).toBe(200)
  await showTab(page, 'Rules')
  const trial = page.locator('#shadow tr', { hasText: 'trial' })
  await trial.getByRole('cell', { name: '2', exact: true }).waitFor()
  await trial.getByRole('cell', { name: '66 %' }).waitFor()
})

describe('an action on the page', () => {
  it('switches a rule to shadow only with the token', async () => {
    const { gateway, page, errors } = await openDashboard()
    for (const status of [200, 200, 429]) expect(await predict(gateway)).toBe(status)
    await openRule(page, 'few')
    await page.getByRole('button', { name: 'Switch to shadow: few on POST /predict' }).click()
    const dialog = page.getByRole('dialog', { name: 'Switch the rule to shadow?' })
    const confirm = dialog.getByRole('button', { name: 'Switch to shadow' })
    await dialog.getByLabel('Reason').fill('a test')
    await confirm.click()
    await dialog.getByText('The admin token is required.').waitFor()
    await dialog.getByLabel('Admin token').fill('another-token')
    await confirm.click()
    await dialog.getByText('The admin token is wrong.').waitFor()
    expect(await predict(gateway)).toBe(429)
    await dialog.getByLabel('Admin token').fill(TOKEN)
    await confirm.click()
    await page.getByText("rule 'few' is now a shadow rule").waitFor()
    expect(await predict(gateway)).toBe(200)
    await page.locator('#rules summary', { hasText: 'few' }).getByText('shadow', { exact: true }).waitFor()
    await page.getByRole('button', { name: 'Undo: few on POST /predict' }).click()
    await page.getByLabel('Reason, for').fill('a test')
    await page.getByRole('button', { name: 'Undo override' }).click()
    await page.getByText("rule 'few' restored from the configuration file").waitFor()
    expect(await predict(gateway)).toBe(429)
    // The browser logs the two rejected requests.
    expect(errors.filter((error) => !error.includes('401'))).toEqual([])
    expect(errors).toHaveLength(2)
  })

  it('changes a limit, and reports an invalid one', async () => {
    const { gateway, page } = await openDashboard()
    await openRule(page, 'few')
    await page.getByRole('button', { name: 'Change limit: few on POST /predict' }).click()
    const dialog = page.getByRole('dialog')
    await dialog.getByLabel('New limit').fill('many')
    await dialog.getByLabel('Reason').fill('a test')
    await dialog.getByLabel('Admin token').fill(TOKEN)
    await dialog.getByRole('button', { name: 'Change limit' }).click()
    await dialog.getByRole('alert').waitFor()
    expect(await dialog.getByRole('alert').textContent()).toContain('many')
    await dialog.getByLabel('New limit').fill('3/hour')
    await dialog.getByRole('button', { name: 'Change limit' }).click()
    await dialog.waitFor({ state: 'detached' })
    await page.locator('#rules summary', { hasText: '3/hour' }).getByText('overridden').waitFor()
    for (const status of [200, 200, 200, 429]) expect(await predict(gateway)).toBe(status)
  })

  it('resets a client', async () => {
    const { gateway, page } = await openDashboard()
    for (const status of [200, 200, 429]) expect(await predict(gateway)).toBe(status)
    await openRule(page, 'few')
    await page.getByRole('button', { name: /^Reset: 127\.0\.0\.1/ }).click()
    const dialog = page.getByRole('dialog')
    await dialog.getByLabel('Reason').fill('a test')
    await dialog.getByLabel('Admin token').fill(TOKEN)
    await dialog.getByRole('button', { name: 'Reset client' }).click()
    await dialog.waitFor({ state: 'detached' })
    expect(await predict(gateway)).toBe(200)
  })

  it('blocks an address and undoes the block', async () => {
    const { gateway, page, errors } = await openDashboard()
    expect(await predict(gateway)).toBe(200)
    await showTab(page, 'Rules')
    await page.getByRole('button', { name: 'Block', exact: true }).click()
    const dialog = page.getByRole('dialog', { name: 'Block requests' })
    await dialog.getByText('Address or network', { exact: true }).click()
    await dialog.getByLabel('Address or network, such as').fill('127.0.0.0/8')
    await dialog.getByLabel('For how long').fill('1h')
    await dialog.getByLabel('Reason').fill('abuse, ticket 4711')
    await dialog.getByLabel('Admin token').fill(TOKEN)
    expect(await violationsOf(page)).toEqual([])
    await dialog.getByRole('button', { name: 'Block', exact: true }).click()
    await dialog.waitFor({ state: 'detached' })
    expect(await predict(gateway)).toBe(403)
    const act = page.locator('#acts tbody tr', { hasText: '127.0.0.0/8 is blocked' })
    expect(await act.textContent()).toContain('abuse, ticket 4711')
    await page.getByRole('button', { name: 'Undo: 127.0.0.0/8 is blocked' }).click()
    await page.getByLabel('Reason, for').fill('sorry')
    await page.getByRole('button', { name: 'Undo act' }).click()
    await page.getByText('No client is blocked').waitFor()
    expect(await predict(gateway)).toBe(200)
    expect(errors).toEqual([])
  })

  it('blocks a client from its page', async () => {
    const { gateway, page } = await openDashboard()
    expect(await predict(gateway)).toBe(200)
    await showTab(page, 'Clients')
    await page.getByPlaceholder('IP address or client id').fill('127.0.0.1')
    await page.getByRole('button', { name: 'Find' }).click()
    await page.getByRole('button', { name: 'Block', exact: true }).click()
    const dialog = page.getByRole('dialog', { name: 'Block requests' })
    await dialog.getByLabel('Reason').fill('abuse')
    await dialog.getByLabel('Admin token').fill(TOKEN)
    await dialog.getByRole('button', { name: 'Block', exact: true }).click()
    await dialog.waitFor({ state: 'detached' })
    expect(await predict(gateway)).toBe(403)
  })

  it('reports why the limits of a client cannot be changed', async () => {
    const { page } = await openDashboard()
    await showTab(page, 'Rules')
    await page.getByRole('button', { name: "Change a client's limits" }).click()
    const dialog = page.getByRole('dialog')
    await dialog.getByLabel('Client ID').fill('acme')
    await dialog.getByLabel('Limit:').fill('2x')
    await dialog.getByLabel('Rule (empty').fill('many')
    await dialog.getByLabel('Reason').fill('a test')
    await dialog.getByLabel('Admin token').fill(TOKEN)
    await dialog.getByRole('button', { name: 'Change limits' }).click()
    await dialog.getByText("No route has a rule 'many'.").waitFor()
    await dialog.getByLabel('Rule (empty').fill('')
    await dialog.getByRole('button', { name: 'Change limits' }).click()
    await dialog.waitFor({ state: 'detached' })
    await page.locator('#acts', { hasText: 'client acme has 2 times the limit' }).waitFor()
  })

  it('is not offered if no token is configured', async () => {
    const { gateway, page } = await openDashboard({ token: false })
    expect(await predict(gateway)).toBe(200)
    await openRule(page, 'few')
    await page.getByRole('cell', { name: /50 %/ }).first().waitFor()
    expect(await page.getByRole('button', { name: /shadow|limit|Reset|Block/i }).count()).toBe(0)
    await page.getByText('Actions are off.').waitFor()
  })
})

it('the dashboard requires the token if the admin port listens on all addresses', async () => {
  const { page } = await openDashboard({ host: '0.0.0.0' })
  await page.getByRole('heading', { name: 'Admin token required' }).waitFor()
  expect(await violationsOf(page)).toEqual([])
  await page.getByRole('textbox', { name: 'Admin token' }).fill('another-token')
  await page.getByRole('button', { name: 'Sign in' }).click()
  await page.getByText('The admin token is wrong.').waitFor()
  await page.getByRole('textbox', { name: 'Admin token' }).fill(TOKEN)
  await page.getByRole('button', { name: 'Sign in' }).click()
  await showTab(page, 'Rules')
  await page.locator('#rules summary', { hasText: 'few' }).waitFor()
  await showTab(page, 'Gateway')
  await page.getByRole('button', { name: 'Show configuration' }).click()
  await page.getByText('POST /predict').last().waitFor()
  expect(await page.content()).not.toContain(HASH)
  await page.getByRole('button', { name: 'Sign out' }).click()
  await page.getByRole('heading', { name: 'Admin token required' }).waitFor()
  expect(await page.content()).not.toContain('few')
})
