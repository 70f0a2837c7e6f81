import type { FastifyInstance } from 'fastify'
import { type ManualClock, manualClock, memoryStore } from 'sluice'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Executions } from './executions.js'

// The work per request must not depend on the number of other clients.

const MINUTE = 60_000
let executions: Executions
let inMemoryApp: typeof import('../src/app.js').inMemoryApp
let sweepingApp: typeof import('./sweeping-app.js').sweepingApp

beforeAll(async () => {
  executions = await Executions.start()
  ;({ inMemoryApp } = await import('../src/app.js'))
  ;({ sweepingApp } = await import('./sweeping-app.js'))
})
afterAll(() => executions?.[Symbol.asyncDispose]())

type App = Pick<FastifyInstance, 'inject' | 'close'>

const OUR_FILES = /\/(packages\/sluice|examples\/in-memory)\//

/** Returns how often blocks of code run for a new client after a number of other clients. */
async function executionsAfter(
  clients: number,
  app: App,
  beforeLast: () => void = () => {},
): Promise<number> {
  const predict = async (client: number) => {
    const remoteAddress = `10.1.${client >> 8}.${client & 255}`
    const payload = { features: [1, 2, 3] }
    const { statusCode } = await app.inject({ method: 'POST', url: '/predict', payload, remoteAddress })
    expect(statusCode).toBe(200)
  }
  for (let client = 0; client < clients; client++) await predict(client)
  beforeLast()
  const count = await executions.during(
    () => predict(clients),
    (url) => OUR_FILES.test(url),
  )
  await app.close()
  return count
}

const createApp = (clock: ManualClock) => inMemoryApp(memoryStore({ clock }))

describe('a request after many clients', () => {
  it('runs as much code as a request after few clients', async () => {
    const few = await executionsAfter(20, await createApp(manualClock(0)))
    const many = await executionsAfter(2000, await createApp(manualClock(0)))
    expect(few).toBeGreaterThan(0)
    expect(many).toBeLessThan(few * 1.5)
  })

  it('removes a bounded number of expired clients', async () => {
    const afterExpiry = async (clients: number) => {
      const clock = manualClock(0)
      return executionsAfter(clients, await createApp(clock), () => clock.advance(2 * MINUTE))
    }
    expect(await afterExpiry(2000)).toBeLessThan((await afterExpiry(200)) * 1.5)
  })

  it('runs over fifty times as much code in an app whose requests sweep all clients', async () => {
    const few = await executionsAfter(
      20,
      sweepingApp(() => 0),
    )
    const many = await executionsAfter(
      2000,
      sweepingApp(() => 0),
    )
    expect(many).toBeGreaterThan(few * 50)
  })
})
