import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished, vi } from 'vitest'
import { startReceiver } from '../gateway/otlp-receiver.js'
import { until } from '../gateway/running-gateway.js'
import { serveWithWorkers } from './worker-gateway.js'

it('a worker whose record hangs exports its last traces when it stops, and logs that the record is not closed', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-stop-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  const receiver = await startReceiver()
  // Spans are exported only when the worker stops.
  vi.stubEnv('OTEL_BSP_SCHEDULE_DELAY', '3600000')
  onTestFinished(() => void vi.unstubAllEnvs())
  const record = join(folder, 'record.gz')
  const preload = join(folder, 'hang.cjs')
  await writeFile(
    preload,
    `const fs = require('node:fs')
const { stat } = fs.promises
fs.promises.stat = (file, ...rest) =>
  String(file).startsWith(${JSON.stringify(join(folder, 'record'))}) ? new Promise(() => {}) : stat(file, ...rest)
require('node:module').syncBuiltinESMExports()`,
  )
  vi.stubEnv('NODE_OPTIONS', `--require ${preload}`)
  const { child, ended, output, status } = await serveWithWorkers(
    2,
    `timeouts: { drain: 0, shutdown: 10ms }
record: { file: ${record} }
telemetry: { otlp: { endpoint: ${receiver.url}, protocol: http/json, metrics: false } }
default: { limits: [1000/minute] }
`,
    (_request, response) => response.end('fine'),
  )
  expect(await status()).toBe(200)
  expect(receiver.spans).toHaveLength(0)
  child.kill('SIGTERM')
  expect((await ended)[0]).toBe(0)
  await until(() => receiver.spans.length > 0)
  expect(output.err).toContain('"part":"record"')
})
