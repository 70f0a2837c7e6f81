import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { type Registry, startRegistry } from './registry.js'
import { freePorts, ROOT } from './stack.js'

/** Runs the commands and the code of the README in empty folders, with the packed packages. */

const run = promisify(execFile)

const PACKAGES = ['packages/sluice', 'packages/gateway'].map((name) => join(ROOT, name))

let registry: Registry
let packedTo: string
let readme: string

beforeAll(async () => {
  packedTo = await mkdtemp(join(tmpdir(), 'sluice-packed-'))
  const tarballs = new Map<string, string>()
  for (const folder of PACKAGES) {
    const { stdout } = await run(
      'npm',
      ['pack', '--json', '--ignore-scripts', '--pack-destination', packedTo],
      {
        cwd: folder,
        maxBuffer: 16 * 2 ** 20,
      },
    )
    const [packed] = Object.values(JSON.parse(stdout) as object) as [{ name: string; filename: string }]
    tarballs.set(packed.name, join(packedTo, packed.filename))
  }
  registry = await startRegistry([...PACKAGES, join(ROOT, 'node_modules/express')], tarballs)
  readme = await readFile(join(ROOT, 'README.md'), 'utf8')
}, 120_000)

afterAll(async () => {
  await registry?.close()
  await rm(packedTo, { recursive: true, force: true })
})

/** Creates an empty folder in which npm uses only the registry of this test. */
async function emptyFolder() {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-install-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }))
  const env = {
    ...process.env,
    npm_config_registry: registry.url,
    npm_config_cache: join(folder, '.npm'),
    npm_config_yes: 'true',
    npm_config_audit: 'false',
    npm_config_fund: 'false',
    npm_config_update_notifier: 'false',
  }
  return {
    folder,
    env,
    write: (name: string, text: string) => writeFile(join(folder, name), text),
    shell: (command: string) =>
      run('bash', ['-euo', 'pipefail', '-c', command], { cwd: folder, env, timeout: 110_000 }),
    start(command: string) {
      const child = spawn('bash', ['-c', `exec ${command}`], {
        cwd: folder,
        env,
        detached: true,
        stdio: 'inherit',
      })
      onTestFinished(async () => {
        const closed = once(child, 'close')
        if (child.exitCode !== null) return
        process.kill(-(child.pid as number), 'SIGINT')
        await closed
      })
    },
  }
}

/** Returns the first code block of the README in a language that contains a string. */
function block(language: string, part: string): string {
  const blocks = [...readme.matchAll(/^```(\w+)\n(.*?)^```$/gms)]
  const found = blocks.find((match) => match[1] === language && match[2]?.includes(part))
  if (found === undefined) throw new Error(`the README has no ${language} block with '${part}'`)
  return found[2] as string
}

/** Repeats a request until the server responds. */
async function fetchRetrying(url: string, init?: RequestInit): Promise<Response> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await fetch(url, init)
    } catch (error) {
      if (attempt === 600) throw error
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
  }
}

const predict = {
  method: 'POST',
  headers: { 'content-type': 'application/json' },
  body: '{"features":[1,2,3]}',
}

describe('following the README in an empty folder', () => {
  it('installs the library and limits an Express server with it', { timeout: 180_000 }, async () => {
    const { write, shell, start } = await emptyFolder()
    await shell(block('sh', 'npm install sluice'))
    const [port] = await freePorts(1)
    await write('server.mjs', block('js', "from 'sluice/express'").replace('listen(3000)', `listen(${port})`))
    start('node server.mjs')
    const statuses: number[] = []
    for (let request = 0; request < 11; request++)
      statuses.push((await fetchRetrying(`http://127.0.0.1:${port}/predict`, predict)).status)
    expect(statuses).toEqual([...Array(10).fill(200), 429])
  })

  it('loads the packages with import and with require', { timeout: 180_000 }, async () => {
    const { write, shell } = await emptyFolder()
    await shell('npm install sluice sluice-gateway')
    await write('imported.mjs', "import { createLimiter } from 'sluice'\nconsole.log(typeof createLimiter)\n")
    await write(
      'required.cjs',
      "const { createLimiter } = require('sluice')\nconsole.log(typeof createLimiter)\n",
    )
    await write(
      'gateway.cjs',
      "const { startGateway } = require('sluice-gateway')\nconsole.log(typeof startGateway, typeof require('sluice-gateway/replay').replay)\n",
    )
    const { stdout } = await shell('node imported.mjs && node required.cjs && node gateway.cjs')
    expect(stdout).toBe('function\nfunction\nfunction function\n')
  })

  it('starts the gateway with npx and limits the requests to a model server', {
    timeout: 240_000,
  }, async () => {
    const { write, start } = await emptyFolder()
    const upstream = createServer((_request, response) => response.end('{}')).listen(0, '127.0.0.1')
    await once(upstream, 'listening')
    onTestFinished(() => {
      upstream.closeAllConnections()
      upstream.close()
    })
    const [port, adminPort] = await freePorts(2)
    const file = block('yaml', 'upstream:')
      .replace('127.0.0.1:8080', `127.0.0.1:${port}`)
      .replace('127.0.0.1:8081', `127.0.0.1:${adminPort}`)
      .replace('127.0.0.1:9000', `127.0.0.1:${(upstream.address() as AddressInfo).port}`)
    await write('gateway.yaml', file)
    start(block('sh', 'npx sluice-gateway serve').trim())
    const response = await fetchRetrying(`http://127.0.0.1:${port}/anything`)
    expect(response.status).toBe(200)
    expect(response.headers.get('ratelimit-policy')).toContain('q=60')
    expect((await fetchRetrying(`http://127.0.0.1:${adminPort}/readyz`)).status).toBe(200)
  })
})
