import { chromium } from 'playwright-core'
import { CHROMIUM, pathOf } from './programs.js'

/** It asks nothing of the network by itself. */
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
 * The system's Chromium, for the tests of the dashboard and its pictures.
 *
 * @returns {Promise<import('playwright-core').Browser>}
 * @throws Error in one line where there is none
 */
export async function launchChromium() {
  const executablePath = pathOf(CHROMIUM)
  if (executablePath === undefined)
    throw new Error(`Please install Chromium: there is no ${CHROMIUM.join(', ')}.`)
  return chromium.launch({ executablePath, args: ARGUMENTS })
}
