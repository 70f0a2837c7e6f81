import { createHash } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest'
import { launchChromium } from '../../../../scripts/chromium.js'
import { echo, send, startTestGateway } from '../server/gateway/running-gateway.js'
import { open, showTab, violationsOf } from './browser.js'

const TOKEN = 'a-token-of-some-length'
const HASH = createHash('sha256').update(TOKEN).digest('hex')

let browser: Browser
beforeAll(async () => {
  browser = await launchChromium()
})
afterAll(() => browser?.close())

async function openKeys(identity: (folder: string) => string) {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-keys-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  await writeFile(join(folder, 'keys.yaml'), 'keys: []\n')
  const gateway = await startTestGateway(
    `${identity(folder)}default: { limits: [{ name: calls, limit: 100/minute }, { name: budget, limit: 100/hour }] }`,
    echo,
    `{ listen: 127.0.0.1:0, token_sha256: ${HASH} }`,
  )
  const { page, errors } = await open(browser, gateway.adminUrl)
  onTestFinished(() => page.close())
  await showTab(page, 'Keys')
  const statusWith = async (key: string) =>
    (await send(gateway.url, '/', { headers: { 'x-api-key': key } })).status
  return { page, errors, statusWith }
}

it('the page creates, finds, rotates and revokes a key, and shows it once', async () => {
  const { page, errors, statusWith } = await openKeys(
    (folder) => `identity: { api_keys: ${join(folder, 'keys.yaml')} }\n`,
  )
  await page.context().grantPermissions(['clipboard-read', 'clipboard-write'])
  await page.getByText('There are no keys yet.').waitFor()
  await page.getByRole('button', { name: 'Create a key' }).click()
  const create = page.getByRole('dialog', { name: 'Create a key' })
  await create.getByLabel('Client ID').fill('acme')
  await create.getByLabel('Labels').fill('team')
  await create.getByLabel('Reason').fill('new customer')
  await create.getByLabel('Admin token').fill(TOKEN)
  await create.getByRole('button', { name: 'Create key' }).click()
  await create.getByText('Write each label as a name and a value').waitFor()
  await create.getByLabel('Labels').fill('team=red, models=a, models=b')
  await create.getByLabel('Limits').fill('calls=20/minute, budget=2x')
  await create.getByRole('button', { name: 'Create key' }).click()

  const created = page.getByRole('dialog', { name: 'The new key' })
  await created.waitFor()
  expect(await violationsOf(page)).toEqual([])
  const key = await created.getByLabel('New key').inputValue()
  expect(key).toMatch(/^sluice_[0-9A-Za-z]{49}$/)
  await created.getByRole('button', { name: 'Copy' }).click()
  await created.getByText('Copied.').waitFor()
  expect(await page.evaluate('navigator.clipboard.readText()')).toBe(key)
  await created.getByRole('button', { name: 'Done' }).click()
  expect(await page.content()).not.toContain(key)
  expect(await statusWith(key)).toBe(200)

  const row = page.locator('#keys tbody tr', { hasText: 'acme' })
  expect(await row.textContent()).toContain('team=red models=a,bcalls: 20/minute; budget: 2×')
  await page.getByLabel('Find by').fill('bolt')
  await page.getByText('No key matches here.').waitFor()
  await page.getByLabel('Find by').fill('red')
  await row.waitFor()

  await row.getByRole('button', { name: 'Rotate' }).click()
  const rotate = page.getByRole('dialog', { name: 'Rotate this key?' })
  await rotate.getByLabel('How long').fill('0s')
  await rotate.getByLabel('Reason').fill('leaked')
  await rotate.getByRole('button', { name: 'Rotate key' }).click()
  const second = await created.getByLabel('New key').inputValue()
  await created.getByRole('button', { name: 'Done' }).click()
  expect([await statusWith(key), await statusWith(second)]).toEqual([401, 200])

  const current = page.locator('#keys tbody tr', { hasText: 'never' })
  await current.getByRole('button', { name: 'Revoke' }).click()
  const revoke = page.getByRole('dialog', { name: 'Revoke this key?' })
  await revoke.getByLabel('Reason').fill('customer left')
  await revoke.getByRole('button', { name: 'Revoke key' }).click()
  await revoke.waitFor({ state: 'detached' })
  await current.waitFor({ state: 'detached' })
  expect(await statusWith(second)).toBe(401)
  expect(errors).toEqual([])
})

it('the page says how to keep keys if the gateway keeps none', async () => {
  const { page, errors } = await openKeys(() => '')
  await page.getByText('This gateway keeps no keys.').waitFor()
  expect(errors).toEqual([])
})
