import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type RedisServer, startRedis } from '../../../../sluice/test/stores/servers/redis.js'
import { sluice } from '../../cli/program.js'
import { gatewayOn } from './on-store.js'
import { send, startUpstream, until } from './running-gateway.js'

const LEASE_MS = 2000
const SLOTS = 3

let redis: RedisServer
let folder: string
beforeAll(async () => {
  redis = await startRedis()
  folder = await mkdtemp(join(tmpdir(), 'sluice-killed-'))
})
afterAll(async () => {
  await rm(folder, { recursive: true })
  await redis?.stop()
})

it("a Redis store frees the slots of a killed gateway's streams within one lease", async () => {
  const limits =
    `store: redis://127.0.0.1:${redis.port}/0\non_store_failure: { policy: closed, deadline: 20s }\n` +
    `routes: [{ match: POST /predict, limits: [{ concurrent: ${SLOTS}, lease: ${LEASE_MS}ms }] }]\n`
  const file = join(folder, 'gateway.yaml')
  const upstream = await startUpstream((_request, response) => response.write('endless'))
  await writeFile(file, `listen: 127.0.0.1:0\nadmin: off\nupstream: ${upstream}\n${limits}`)
  const { child, output, ended } = sluice('serve', file)
  await until(() => /http:\S+/.test(output.out))
  const url = /http:\S+/.exec(output.out)?.[0] as string
  let started = 0
  const errors: unknown[] = []
  for (let stream = 0; stream < SLOTS; stream++) {
    const response = await fetch(new URL('/predict', url), { method: 'POST' })
    const reader = response.body?.getReader()
    await reader?.read()
    started++
    void reader?.read().catch((error) => errors.push(error))
  }
  expect(started).toBe(SLOTS)

  const other = await gatewayOn(limits)
  const statusOf = async () => (await send(other.url, '/predict')).status
  // The streams run for longer than one lease, because their leases are renewed.
  const busyUntil = performance.now() + 1.5 * LEASE_MS
  while (performance.now() < busyUntil) expect(await statusOf()).toBe(429)

  child.kill('SIGKILL')
  await ended
  const killedAt = performance.now()
  expect(await statusOf()).toBe(429)
  await until(async () => (await statusOf()) === 200)
  const freedAfterMs = performance.now() - killedAt
  console.info(
    `killed with ${SLOTS} streams: the first slot was freed after ${Math.round(freedAfterMs)} ms; its lease is ${LEASE_MS} ms`,
  )
  // Leases are renewed after a third of their time, so each has at least two thirds left when the
  // process is killed.
  expect(freedAfterMs).toBeLessThanOrEqual(LEASE_MS + 1000)
  await until(async () =>
    (await Promise.all(Array.from({ length: SLOTS }, statusOf))).every((status) => status === 200),
  )
  expect(performance.now() - killedAt).toBeLessThanOrEqual(LEASE_MS + 1000)
  expect(errors).toHaveLength(SLOTS)
})
