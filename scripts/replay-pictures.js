/**
 * Takes the screenshots in docs/choosing-limits.md: replays the trace of examples/replay with the
 * commands of that page and captures the reports.
 */
import { spawnSync } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { launchChromium } from './chromium.js'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const TRACE = 'examples/replay/trace.csv.gz'
const CONFIG = ['--config', 'examples/replay/today.yaml']

const SCREENSHOTS = [
  { name: 'replay-today', arguments: CONFIG, part: '.side-by-side' },
  {
    name: 'replay-trade-off',
    arguments: [
      ...[...CONFIG, '--rule', 'requests'],
      ...[
        '--suggest',
        'refuse at most 1% of requests of clients under 60/minute; admit at most 120k tokens/minute',
      ],
    ],
    part: '#trade-off',
  },
]

const folder = await mkdtemp(join(tmpdir(), 'sluice-pictures-'))
const browser = await launchChromium()
try {
  for (const { name, part, arguments: args } of SCREENSHOTS) {
    const file = join(folder, `${name}.html`)
    const { status } = spawnSync('npx', ['sluice', 'replay', TRACE, ...args, '--html', file], {
      cwd: ROOT,
      stdio: ['ignore', 'ignore', 'inherit'],
    })
    if (status !== 0) throw new Error(`the replay for ${name} failed`)
    const page = await browser.newPage({ colorScheme: 'light', viewport: { width: 1100, height: 900 } })
    await page.goto(pathToFileURL(file).href)
    await page
      .locator(part)
      .first()
      .screenshot({ path: join(ROOT, 'docs', 'images', `${name}.png`) })
  }
} finally {
  await browser.close()
  await rm(folder, { recursive: true })
}
