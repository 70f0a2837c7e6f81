import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import type { AxeResults } from 'axe-core'
import type { Browser, Page } from 'playwright-core'

/** A page, and what went wrong on it. */
export interface Watched {
  readonly page: Page
  /** What it wrote to the console as an error or warning, threw, or asked of another place than where it came from. */
  readonly complaints: string[]
}

export interface Looks {
  readonly colorScheme?: 'light' | 'dark'
  /** CSS pixels. */
  readonly width?: number
}

export async function open(
  browser: Browser,
  url: string,
  { colorScheme = 'light', width = 1280 }: Looks = {},
): Promise<Watched> {
  const page = await browser.newPage({ colorScheme, viewport: { width, height: 900 } })
  const complaints: string[] = []
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) complaints.push(message.text())
  })
  page.on('pageerror', (error) => complaints.push(String(error)))
  page.on('request', (request) => {
    const { origin, protocol } = new URL(request.url())
    if (origin !== new URL(url).origin && protocol !== 'data:') complaints.push(`asked ${request.url()}`)
  })
  await page.goto(new URL('/', url).href)
  return { page, complaints }
}

const axe = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

/** What axe finds wrong with the page as it is, in a line each. */
export async function violationsOf(page: Page): Promise<string[]> {
  await page.evaluate(axe)
  const { violations } = await page.evaluate<AxeResults>('axe.run()')
  return violations.flatMap(({ id, nodes }) =>
    nodes.map(({ html, failureSummary }) => `${id}: ${html} ${failureSummary}`),
  )
}
