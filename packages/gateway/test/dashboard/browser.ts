import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import type { AxeResults } from 'axe-core'
import type { Browser, Page } from 'playwright-core'

/** A page and its errors. */
export interface OpenPage {
  readonly page: Page
  /** Console errors and warnings, uncaught errors, and requests to another origin. */
  readonly errors: string[]
}

export interface Appearance {
  readonly colorScheme?: 'light' | 'dark'
  /** Viewport width in CSS pixels. */
  readonly width?: number
}

export async function open(
  browser: Browser,
  url: string,
  { colorScheme = 'light', width = 1280 }: Appearance = {},
  fragment = '',
): Promise<OpenPage> {
  const page = await browser.newPage({ colorScheme, viewport: { width, height: 900 } })
  const errors: string[] = []
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) errors.push(message.text())
  })
  page.on('pageerror', (error) => errors.push(String(error)))
  page.on('request', (request) => {
    const { origin, protocol } = new URL(request.url())
    if (origin !== new URL(url).origin && protocol !== 'data:') errors.push(`requested ${request.url()}`)
  })
  await page.goto(new URL(`/${fragment}`, url).href)
  return { page, errors }
}

const axe = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

/** Returns the accessibility violations that axe finds, one string each. */
export async function violationsOf(page: Page): Promise<string[]> {
  await page.evaluate(axe)
  const { violations } = await page.evaluate<AxeResults>('axe.run()')
  return violations.flatMap(({ id, nodes }) =>
    nodes.map(({ html, failureSummary }) => `${id}: ${html} ${failureSummary}`),
  )
}

/** Selects a tab of the dashboard. */
export async function showTab(page: Page, name: string): Promise<void> {
  await page.getByRole('tab', { name, exact: true }).click()
}
