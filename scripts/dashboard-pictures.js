/**
 * Takes the screenshots of the dashboard in docs/images. Runs the example model server behind the
 * gateway with dashboard-pictures.yaml, sends requests for 70 seconds and captures tabs of the page
 * in light and dark mode, and at the width of a phone. Then replays the recorded traffic with other
 * limits.
 */
import { spawn } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { startModelServer } from 'sluice-example-model-server'
import { launchChromium } from './chromium.js'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const GATEWAY = 'http://127.0.0.1:18080'
const DASHBOARD = 'http://127.0.0.1:18081/'
const MODEL_PORT = 19_000
const SECONDS = 70

/**
 * The screenshots, with the fragment that names the tab. The page is shown as far as the height.
 *
 * @type {{ name: string, place: string, colorScheme: 'light' | 'dark', width: number, height: number }[]}
 */
const SCREENSHOTS = [
  { name: 'light', place: '#traffic', colorScheme: 'light', width: 1280, height: 1180 },
  { name: 'dark', place: '#traffic', colorScheme: 'dark', width: 1280, height: 1180 },
  { name: 'narrow', place: '#traffic', colorScheme: 'light', width: 390, height: 1180 },
  { name: 'tokens', place: '#tokens', colorScheme: 'light', width: 1280, height: 1080 },
  { name: 'tokens-narrow', place: '#tokens', colorScheme: 'dark', width: 390, height: 1180 },
  { name: 'refusals', place: '#refusals', colorScheme: 'light', width: 1280, height: 900 },
  { name: 'refusals-narrow', place: '#refusals', colorScheme: 'dark', width: 390, height: 900 },
  { name: 'client', place: '#clients?q=203.0.113.7', colorScheme: 'dark', width: 1280, height: 900 },
]

/** Clients, with their address, path and maximum rate in requests per second. */
const CLIENTS = [
  { address: '203.0.113.7', path: '/predict', rate: 3.6, body: { features: [1, 2, 3] } },
  { address: '203.0.113.21', path: '/predict', rate: 1.2, body: { features: [4, -5, 0] } },
  { address: '198.51.100.4', path: '/predict', rate: 0.6, body: { features: [0, 2, 1] } },
  { address: '203.0.113.7', path: '/models/heavy/predict', rate: 0.4, body: { data: [1, 2, 3] } },
  { address: '198.51.100.32', path: '/models/lightweight/predict', rate: 1.1, body: { data: [1, 2, 3] } },
  { address: '192.0.2.14', path: '/batch-predict', rate: 0.4, body: { data: Array(24).fill([1, 2, 3]) } },
  {
    address: '192.0.2.15',
    path: '/v1/chat/completions',
    rate: 1.4,
    body: chat('large', 'What is a token bucket?'),
  },
  {
    address: '203.0.113.80',
    path: '/v1/chat/completions',
    rate: 1,
    body: chat('small', 'How is a model served?'),
  },
  {
    address: '198.51.100.9',
    path: '/v1/chat/completions',
    rate: 0.6,
    body: chat('large', 'Which requests are refused?'),
  },
]

const model = await startModelServer({ port: MODEL_PORT })
await model.ready
const folder = await mkdtemp(join(tmpdir(), 'sluice-pictures-'))
const file = join(folder, 'gateway.yaml')
const limits = await readFile(join(ROOT, 'scripts', 'dashboard-pictures.yaml'), 'utf8')
await writeFile(file, `${limits}\nrecord: traffic.jsonl.gz\n`)
const gateway = spawn(process.execPath, ['packages/gateway/bin/sluice.js', 'serve', file], {
  cwd: ROOT,
  stdio: 'ignore',
})
try {
  while (!(await fetch(`${DASHBOARD}readyz`).catch(() => undefined))?.ok) {
    if (gateway.exitCode !== null) throw new Error('the gateway exited; check that its ports are free')
    await wait(100)
  }
  const stop = new AbortController()
  const clients = CLIENTS.map((client, index) => sendRequests(client, index, stop.signal))
  await wait(SECONDS * 1000)
  await takeScreenshots()
  stop.abort()
  await Promise.allSettled(clients)
} finally {
  gateway.kill()
  await model.close()
  await rm(folder, { recursive: true })
}

async function takeScreenshots() {
  await mkdir(`${ROOT}docs/images`, { recursive: true })
  const browser = await launchChromium()
  for (const { name, place, colorScheme, width, height } of SCREENSHOTS) {
    const page = await browser.newPage({ colorScheme, viewport: { width, height } })
    await page.goto(`${DASHBOARD}${place}`)
    await page.getByText('live', { exact: true }).waitFor()
    const range = page.getByText('1 min', { exact: true })
    if (await range.isVisible()) await range.click()
    // A few seconds of updates, so that the plots extend to their right edge.
    await wait(3000)
    // The click may have scrolled the page.
    await page.evaluate('scrollTo(0, 0)')
    await page.screenshot({ path: `${ROOT}docs/images/dashboard-${name}.png` })
    await page.close()
  }
  await takeReplayScreenshot(browser)
  await browser.close()
}

/** @param {import('playwright-core').Browser} browser */
async function takeReplayScreenshot(browser) {
  // Tall enough to show the whole page.
  const page = await browser.newPage({ colorScheme: 'light', viewport: { width: 1100, height: 8000 } })
  await page.goto(`${DASHBOARD}#replay`)
  const replay = page.locator('.replay')
  await replay.getByText('New limits').click()
  const other = replay.locator('textarea')
  await other.fill((await other.inputValue()).replace('90/minute', '150/minute').replace('10k', '6k'))
  await replay.getByRole('button', { name: 'Replay', exact: true }).click()
  await page.locator('#both-refused canvas').waitFor()
  const [whole, plots] = await Promise.all([
    replay.boundingBox(),
    page.locator('#both-refused').boundingBox(),
  ])
  if (whole === null || plots === null) throw new Error('the replay is not on the page')
  const clip = { ...whole, height: plots.y + plots.height - whole.y }
  await page.screenshot({ path: `${ROOT}docs/images/dashboard-replay.png`, clip })
  await page.close()
}

/**
 * Sends requests at a varying rate until the signal aborts.
 *
 * @param {(typeof CLIENTS)[number]} client
 * @param {number} index
 * @param {AbortSignal} signal
 */
async function sendRequests({ address, path, rate, body }, index, signal) {
  const options = {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-forwarded-for': address },
    body: JSON.stringify(body),
    signal,
  }
  while (!signal.aborted) {
    const wave = 0.65 + 0.35 * Math.sin(Date.now() / 9000 + index)
    await wait(1000 / (rate * wave), undefined, { signal })
    // Requests do not wait for the previous response, so several are in flight.
    fetch(`${GATEWAY}${path}`, options)
      .then((response) => response.text())
      .catch(() => {})
  }
}

/**
 * @param {string} model
 * @param {string} content
 */
function chat(model, content) {
  return { model, stream: true, max_tokens: 120, messages: [{ role: 'user', content }] }
}
