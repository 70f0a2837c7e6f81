import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished, vi } from 'vitest'
import { parseConfig } from '../../../src/policy/config/load-config.js'
import { startGateway } from '../../../src/server/gateway.js'
import { createLog } from '../../../src/server/logging/log.js'

it.each(['listen', 'admin'] as const)(
  'startGateway clears all timers if startup fails because the port of %s is in use',
  async (section) => {
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    onTestFinished(() => void server.close())
    const { port } = server.address() as AddressInfo
    const folder = await mkdtemp(join(tmpdir(), 'sluice-start-'))
    onTestFinished(() => rm(folder, { recursive: true }))
    const keys = join(folder, 'keys.yaml')
    await writeFile(keys, 'keys: []\n')
    const ports = { listen: 0, admin: 0, [section]: port }
    const config = parseConfig(
      `listen: 127.0.0.1:${ports.listen}
admin: 127.0.0.1:${ports.admin}
upstream: http://127.0.0.1:9
identity: { api_keys: ${keys} }
`,
      'test.yaml',
    )

    const setTimers = vi.spyOn(globalThis, 'setInterval')
    const clearedTimers = vi.spyOn(globalThis, 'clearInterval')
    onTestFinished(() => void vi.restoreAllMocks())
    await expect(startGateway(config, createLog())).rejects.toThrow(
      `port ${port} on 127.0.0.1 is already in use`,
    )
    const timers = setTimers.mock.results.map(({ value }) => value)
    expect(timers.length).toBeGreaterThanOrEqual(2)
    expect(clearedTimers.mock.calls.map(([timer]) => timer)).toEqual(expect.arrayContaining(timers))
  },
)
