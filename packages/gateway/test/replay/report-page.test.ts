import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { launchChromium } from '../../../../scripts/chromium.js'
import { sluice } from '../cli/program.js'
import { violationsOf } from '../dashboard/browser.js'

/** A client name that is markup unless it is escaped. */
const MARKUP = '</script><img src=x onerror=alert(1)>'

let browser: Browser
let folder: string
beforeAll(async () => {
  browser = await launchChromium()
  folder = await mkdtemp(join(tmpdir(), 'sluice-report-'))
  await writeFile(join(folder, 'tokens.yaml'), configuration('10/minute'))
  await writeFile(join(folder, 'other.yaml'), configuration('20/minute'))
  await writeFile(join(folder, 'trace.csv'), buildTrace())
})
afterAll(async () => {
  await browser?.close()
  await rm(folder, { recursive: true })
})

function configuration(limit: string): string {
  return `
upstream: http://127.0.0.1:9000
routes:
  - match: POST /v1/chat/completions
    llm: openai
    limits: ['${limit}', { limit: 40k/minute, of: tokens }]
`
}

/** Builds a trace of half an hour with thirty-one clients, of which two send most requests. */
function buildTrace(): string {
  const rows = Array.from({ length: 6000 }, (_, index) => {
    const client = index % 4 === 0 ? `client-${(index / 4) % 29}` : index % 2 === 0 ? MARKUP : 'heavy'
    return `${1_700_000_000 + index * 0.3},"${client}",${(index * 37) % 800},${(index * 53) % 500}`
  })
  return ['time,client,input_tokens,output_tokens', ...rows].join('\n')
}

async function pageOf(args: string[], width = 1280) {
  const file = join(folder, 'report.html')
  const paths = args.map((arg) => (/\.(yaml|csv)$/.test(arg) ? join(folder, arg) : arg))
  const { output, ended } = sluice('replay', join(folder, 'trace.csv'), ...paths, '--html', file)
  const [code] = await ended
  expect({ code, err: output.err }).toEqual({ code: 0, err: '' })
  const page = await browser.newPage({ viewport: { width, height: 900 } })
  onTestFinished(() => page.close())
  const problems: string[] = []
  page.on('console', (message) => problems.push(message.text()))
  page.on('pageerror', (error) => problems.push(String(error)))
  page.on('request', (request) => {
    if (!/^(file|data):/.test(request.url())) problems.push(`requested ${request.url()}`)
  })
  await page.goto(pathToFileURL(file).href)
  await page.getByRole('heading', { level: 1 }).waitFor()
  return { page, problems }
}

/** Returns the number of colours on each canvas. An empty canvas has one. */
async function coloursOfPlots(page: Page): Promise<number[]> {
  return page.evaluate(`[...document.querySelectorAll('canvas')].map((canvas) => {
    const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext('2d')
    copy.drawImage(canvas, 0, 0)
    const { data } = copy.getImageData(0, 0, canvas.width, canvas.height)
    return new Set(new Uint32Array(data.buffer)).size
  })`)
}

const cellsOf = (page: Page, table: string, column: number) =>
  page.locator(`table:has(caption:text-is('${table}')) tbody tr > :nth-child(${column})`).allTextContents()

describe('the report page', () => {
  it('plots traffic over time and loads no external resources', async () => {
    const { page, problems } = await pageOf(['--config', 'tokens.yaml'])
    await expect.poll(async () => (await coloursOfPlots(page)).every((colours) => colours > 10)).toBe(true)
    expect(await coloursOfPlots(page)).toHaveLength(3)
    expect(await page.getByText('6,000', { exact: true }).count()).toBe(1)
    expect(await violationsOf(page)).toEqual([])
    expect(problems).toEqual([])
  })

  it('sorts and searches clients and shows their names as plain text', async () => {
    const { page, problems } = await pageOf(['--config', 'tokens.yaml'])
    expect((await cellsOf(page, 'clients', 1))[0]).toBe('heavy')
    const clients = page.locator('#clients')
    await clients.getByRole('button', { name: 'Client', exact: true }).click()
    const names = await cellsOf(page, 'clients', 1)
    expect(names).toEqual([...names].sort((a, b) => a.localeCompare(b)))
    await clients.getByRole('button', { name: 'Requests' }).click()
    const requests = (await cellsOf(page, 'clients', 3)).map((text) => Number(text.replaceAll(',', '')))
    expect(requests).toEqual([...requests].sort((a, b) => b - a))
    await clients.getByRole('button', { name: 'Requests' }).click()
    expect(Number((await cellsOf(page, 'clients', 3))[0])).toBe(51)
    await clients.getByRole('searchbox').fill('ONERROR')
    expect(await cellsOf(page, 'clients', 1)).toEqual([MARKUP])
    await clients.getByRole('searchbox').fill('nobody')
    await clients.getByText('No matches.').waitFor()
    expect(problems).toEqual([])
  })

  it.each([1280, 360])('compares two policies on a page that is %d pixels wide', async (width) => {
    const { page, problems } = await pageOf(['--config', 'tokens.yaml', '--against', 'other.yaml'], width)
    await expect.poll(async () => (await coloursOfPlots(page)).every((colours) => colours > 10)).toBe(true)
    expect(await page.getByRole('heading', { name: 'Rules · other.yaml' }).count()).toBe(1)
    expect((await cellsOf(page, 'differences', 1)).length).toBeGreaterThan(0)
    expect(await page.evaluate('document.documentElement.scrollWidth - innerWidth')).toBe(0)
    expect(await violationsOf(page)).toEqual([])
    expect(problems).toEqual([])
  })

  it('plots the trade-off of a suggestion and shows its YAML', async () => {
    const { page, problems } = await pageOf(
      [
        ...['--config', 'tokens.yaml', '--rule', 'requests'],
        ...[
          '--suggest',
          'refuse at most 1% of requests of clients under 10/minute; admit at most 3M tokens/hour',
        ],
      ],
      360,
    )
    await page.getByRole('heading', { name: /^Suggested: \d+\/minute/ }).waitFor()
    expect(await page.locator('pre').textContent()).toContain('match: POST /v1/chat/completions')
    expect((await cellsOf(page, 'evaluated limits', 1)).length).toBeGreaterThan(3)
    await expect.poll(async () => (await coloursOfPlots(page)).every((colours) => colours > 10)).toBe(true)
    expect(await page.evaluate('document.documentElement.scrollWidth - innerWidth')).toBe(0)
    expect(problems).toEqual([])
  })
})
