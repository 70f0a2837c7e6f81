import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Browser } from 'playwright-core'
import { keyDigest } from 'sluice/identity'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { launchChromium } from '../../../../scripts/chromium.js'
import { fragmentOf, placeOf } from '../../dashboard/src/place.js'
import { send, startTestGateway } from '../server/gateway/running-gateway.js'
import { open, showTab } from './browser.js'
import { startFakeAdmin } from './fake-admin.js'
import { busy } from './fake-traffic.js'

let browser: Browser
beforeAll(async () => {
  browser = await launchChromium()
})
afterAll(() => browser?.close())

const ROUTES = ['POST /v1/chat/completions', 'POST /predict']

async function openBusy(fragment = '') {
  const admin = await startFakeAdmin(busy(ROUTES))
  const opened = await open(browser, admin.url, {}, fragment)
  onTestFinished(async () => {
    await opened.page.close()
    await admin.close()
  })
  await opened.page.getByText('live', { exact: true }).waitFor()
  return opened
}

describe('the place in the address', () => {
  it('names a tab and its parameters', () => {
    expect(fragmentOf('refusals', { text: 'a b&c', rule: '' })).toBe('#refusals?text=a+b%26c')
    const { tab, query } = placeOf('#refusals?text=a+b%26c')
    expect([tab, query.get('text')]).toEqual(['refusals', 'a b&c'])
  })

  it('keeps the current tab if it names none', () => {
    const current = placeOf('#rules')
    for (const fragment of ['#main', '#constructor', '#__proto__?x=1'])
      expect(placeOf(fragment, current)).toBe(current)
    expect(placeOf('', current).tab).toBe('traffic')
  })
})

describe('the tabs', () => {
  it('can be linked, and the back button returns to the last one', async () => {
    const { page } = await openBusy('#clients?q=192.0.2.7')
    await page.locator('#client [role=status]', { hasText: '192.0.2.7' }).waitFor()
    await page.getByText('tier pro').waitFor()
    await page.getByRole('button', { name: 'Show refusals' }).click()
    await page.getByRole('tab', { name: 'Refusals', selected: true }).waitFor()
    expect(await page.getByLabel('Client', { exact: true }).inputValue()).toBe('192.0.2.7')
    await page.goBack()
    await page.getByRole('tab', { name: 'Clients', selected: true }).waitFor()
    await page.locator('#client [role=status]', { hasText: '192.0.2.7' }).waitFor()
  })

  it('keep the form of a replay while another tab is shown', async () => {
    const { page } = await openBusy('#replay')
    await page.locator('#replay').getByText('New limits').click()
    await page.locator('#replay textarea').fill('routes: []')
    await showTab(page, 'Traffic')
    await showTab(page, 'Replay')
    expect(await page.locator('#replay textarea').inputValue()).toBe('routes: []')
  })
})

describe('the refusals', () => {
  it('are found by the request ID that the client got', async () => {
    const { url, adminUrl } = await startTestGateway(
      'routes: [{ match: POST /predict, limits: [{ name: few, limit: 1/hour, algorithm: fixed-window }] }]',
    )
    const answers = []
    for (let n = 0; n < 3; n++) answers.push(await send(url, `/predict?n=${n}`))
    const { page, errors } = await open(browser, adminUrl, {}, '#refusals')
    onTestFinished(() => page.close())
    const rows = page.locator('#recent-refusals tbody tr')
    await expect.poll(() => rows.count()).toBe(2)
    const id = answers[2]?.headers['x-request-id'] as string
    await page.getByLabel('Search', { exact: true }).fill(id)
    await expect.poll(() => rows.count()).toBe(1)
    expect(await rows.first().textContent()).toContain(id)
    expect(await rows.first().textContent()).toContain('few')
    expect(new URL(page.url()).hash).toBe(`#refusals?text=${id}`)
    await page.getByRole('button', { name: '127.0.0.1' }).click()
    await page
      .locator('#client')
      .getByText(/none; retry in/)
      .waitFor()
    expect(errors).toEqual([])
  })

  it('are filtered by rule and client', async () => {
    const { page } = await openBusy('#refusals')
    await page.getByText('newest first; 120 of the last 120').waitFor()
    await page.getByRole('combobox', { name: 'Rule' }).selectOption('tokens')
    await page.getByText('newest first; 40 of the last 120').waitFor()
    await page.getByLabel('Client', { exact: true }).fill('client tenant-0')
    await page.getByText(/newest first; [34] of the last 120/).waitFor()
    await page.reload()
    await page.getByText(/newest first; [34] of the last 120/).waitFor()
  })

  it('show what clients send as text', async () => {
    const { page } = await openBusy('#tokens')
    await page.locator('#token-shares').getByText('<b>not markup</b>').first().waitFor()
    expect(await page.locator('#token-shares b').count()).toBe(0)
  })
})

describe('the tree of clients', () => {
  it('shows the use of organizations, teams and keys, and is searched', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'sluice-tree-'))
    onTestFinished(() => rm(folder, { recursive: true }))
    const file = join(folder, 'keys.yaml')
    const keys = [
      { client: 'ada', labels: { org: 'acme', team: 'red' } },
      { client: 'bob', labels: { org: 'acme' } },
      { client: 'eve', labels: { org: 'other', team: 'green' } },
      { client: 'zoe' },
    ].map((key) => ({ sha256: keyDigest(key.client), ...key }))
    await writeFile(file, JSON.stringify({ keys }))
    const { url, adminUrl } = await startTestGateway(`
identity: { api_keys: ${file} }
limits:
  - { name: org, limit: 10/hour, by: client.org, algorithm: fixed-window }
  - { name: team, limit: 4/hour, by: client.team, algorithm: fixed-window }
routes: [{ match: POST /predict, limits: [{ name: own, limit: 5/hour, algorithm: fixed-window }] }]
`)
    for (const client of ['ada', 'bob', 'ada', 'eve', 'zoe'])
      await send(url, '/predict', { headers: { 'x-api-key': client } })
    const { page, errors } = await open(browser, adminUrl, {}, '#clients')
    onTestFinished(() => page.close())
    const tree = page.locator('#tree')
    const text = async () => (await tree.locator('.tree').first().textContent()) ?? ''
    await expect.poll(text).toContain('organization acmeorg')
    const acme = tree.locator('.tree > li', { hasText: 'acme' }).first()
    expect(await acme.locator('.tree-limits').first().textContent()).toMatch(/30\s%/)
    expect(await acme.textContent()).toMatch(
      /team red.*2 requests left.*key of ada.*3 requests left.*key of bob.*4 requests left/,
    )
    expect(await text()).toContain('organization other')
    expect(await text()).not.toContain('zoe')
    await page.getByLabel('Organization, team or key').fill('GREEN')
    await expect.poll(text).not.toContain('acme')
    expect(await text()).toContain('key of eve')
    await page.getByLabel('Organization, team or key').fill('nobody')
    await tree.getByText('No organization, team or key matching').waitFor()
    await page.getByLabel('Organization, team or key').fill('')
    await tree.getByRole('button', { name: 'ada' }).click()
    await page.locator('#client [role=status]', { hasText: 'client ada' }).waitFor()
    expect(errors).toEqual([])
  })
})

describe('the period of the plots', () => {
  it('reaches 24 hours back', async () => {
    const { page } = await openBusy('#tokens')
    const tokens = () => page.locator('#token-shares tbody td').first().textContent()
    const before = await tokens()
    await page.getByText('24 h', { exact: true }).click()
    await page.getByText('all routes, last 24 h').first().waitFor()
    await expect.poll(tokens).not.toBe(before)
    expect(await tokens()).toMatch(/M$/)
  })

  it('is selected by dragging on a plot, and by buttons', async () => {
    const { page } = await openBusy()
    await page.getByText('24 h', { exact: true }).click()
    const plot = page.locator('#traffic .u-over')
    const box = await plot.boundingBox()
    if (box === null) throw new Error('the plot is not on the page')
    const y = box.y + box.height / 2
    await page.mouse.move(box.x + box.width * 0.25, y)
    await page.mouse.down()
    await page.mouse.move(box.x + box.width * 0.5, y, { steps: 5 })
    await page.mouse.up()
    const note = page.locator('#traffic > header p')
    await expect.poll(() => note.textContent()).toMatch(/all routes, \d\d:\d\d:\d\d to \d\d:\d\d:\d\d/)
    const dragged = await note.textContent()
    await page.getByRole('button', { name: /^Zoom in/ }).click()
    await expect.poll(() => note.textContent()).not.toBe(dragged)
    await page.getByRole('button', { name: 'Zoom out' }).click()
    await expect.poll(() => note.textContent()).toBe(dragged)
    await page.getByText('5 min', { exact: true }).click()
    await page.getByText('all routes, last 5 min').first().waitFor()
  })
})
