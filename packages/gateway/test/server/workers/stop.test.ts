import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
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

it('workers that stop respond to the connections that the primary has accepted', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-stop-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  const preload = join(folder, 'late.cjs')
  // Delays the message by which a worker tells the primary that it has closed its port.
  await writeFile(
    preload,
    `if (process.send !== undefined) {
  const { send } = process
  process.send = (message, ...rest) =>
    message?.act === 'close' ? setTimeout(() => send.call(process, message, ...rest), 300) : send.call(process, message, ...rest)
}`,
  )
  vi.stubEnv('NODE_OPTIONS', `--require ${preload}`)
  onTestFinished(() => void vi.unstubAllEnvs())
  const { child, ended, url } = await serveWithWorkers(
    2,
    'default: { limits: [1M/minute] }\n',
    (_, response) => response.end('fine'),
  )
  const responses: boolean[] = []
  const isRefused = async () => {
    const connection = connect(Number(new URL(url).port), '127.0.0.1')
    try {
      await once(connection, 'connect')
    } catch {
      return true
    }
    connection.end('GET / HTTP/1.1\r\nHost: gateway\r\nConnection: close\r\n\r\n')
    responses.push((await text(connection).catch(() => '')).startsWith('HTTP/1.1 200'))
    return false
  }
  expect(await isRefused()).toBe(false)
  child.kill('SIGTERM')
  while (!(await isRefused()));
  expect((await ended)[0]).toBe(0)
  // The system resets a connection that arrives in the moment in which the port closes.
  expect(responses.filter((isComplete) => !isComplete).length).toBeLessThanOrEqual(1)
})
