import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { promisify } from 'node:util'
import { describe, expect, it, onTestFinished } from 'vitest'
import { startMemcached } from '../../../../packages/sluice/test/stores/servers/memcached.js'
import { startRedis } from '../../../../packages/sluice/test/stores/servers/redis.js'
import { startExample } from './running.js'

/** Runs the shell loop of each README against its example and compares the output. */

const run = promisify(execFile)

describe('the README of an example', () => {
  it.each(['in-memory', 'tiers', 'warm-up', 'strategies', 'resources', 'monitoring'])(
    'shows the real output of examples/%s',
    (name) => expectReadmeOutput(name),
  )

  // On a busy machine the store may be slow.
  const longDeadline = { STORE_DEADLINE: '30s' }

  it('shows the real output of examples/redis', async () => {
    const redis = await startRedis()
    onTestFinished(() => redis.stop())
    await expectReadmeOutput('redis', { ...longDeadline, REDIS_URL: `redis://127.0.0.1:${redis.port}` })
  })

  it('shows the real output of examples/memcached', async () => {
    const memcached = await startMemcached()
    onTestFinished(() => memcached.stop())
    await expectReadmeOutput('memcached', { ...longDeadline, MEMCACHED_URL: memcached.url })
  })
})

async function expectReadmeOutput(name: string, env: Readonly<Record<string, string>> = {}): Promise<void> {
  const page = await readFile(new URL(`../../../${name}/README.md`, import.meta.url), 'utf8')
  expect(page).toContain(`\`node examples/${name}/dist/main.js\``)
  await using example = await startExample(name, env)
  const command = listing(page, 'sh').replace('localhost:8080', new URL(example.url).host)
  const { stdout } = await run('bash', ['-euo', 'pipefail', '-c', command])
  expect(words(stdout)).toEqual(words(listing(page, 'text')))
}

function listing(page: string, language: string): string {
  const found = new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\`$`, 'ms').exec(page)?.[1]
  if (found === undefined) throw new Error(`the page has no ${language} listing`)
  return found
}

/** Splits output into words, since `uniq` pads its counts differently on each system. */
function words(text: string): string[] {
  return text.trim().split(/\s+/)
}
