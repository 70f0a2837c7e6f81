import { chromium } from 'playwright-core'
import { CHROMIUM, pathOf } from './programs.js'

/** Arguments that run Chromium headless and disable its own network requests. */
const ARGUMENTS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

/**
 * Starts the system's Chromium, for the tests and screenshots of the dashboard.
 *
 * @returns {Promise<import('playwright-core').Browser>}
 * @throws Error with a one-line message if it is not installed
 */
export async function launchChromium() {
  const executablePath = pathOf(CHROMIUM)
  if (executablePath === undefined)
    throw new Error(`Chromium is not installed: PATH contains none of ${CHROMIUM.join(', ')}`)
  return chromium.launch({ executablePath, args: ARGUMENTS })
}
