import fastify, { type FastifyInstance } from 'fastify'
import { manualClock, memoryStore } from 'sluice'
import { keyDigest, newKey } from 'sluice/identity'
import { lightweightModel } from 'sluice-example-prediction-app'
import { describe, expect, it } from 'vitest'
import { strategiesApp } from '../src/app.js'

type App = Pick<FastifyInstance, 'inject'>

const PREMIUM = newKey()
const FREE = newKey()
const keys = [
  { sha256: keyDigest(PREMIUM), client: 'acme', tier: 'premium' },
  { sha256: keyDigest(FREE), client: 'visitor', tier: 'free' },
]

const post = (app: App, url: string, headers: Record<string, string> = {}) =>
  app.inject({ method: 'POST', url, payload: { features: [1, 2, 3] }, headers })

async function admitted(app: App, url: string, times: number): Promise<number> {
  let count = 0
  for (let request = 0; request < times; request++) if ((await post(app, url)).statusCode === 200) count++
  return count
}

describe('each algorithm', () => {
  it.each([
    // Admitted at first, half a minute later, and another minute and a half later.
    ['token-bucket', [5, 2, 5]],
    ['fixed-window', [5, 0, 5]],
    ['sliding-window', [5, 0, 5]],
    ['sliding-log', [5, 0, 5]],
    ['concurrency', [9, 9, 9]],
  ])('admits as many requests as %s promises', async (algorithm, expected) => {
    const clock = manualClock()
    const app = await strategiesApp({ keys, store: memoryStore({ clock }) })
    const url = `/algorithms/${algorithm}/predict`
    const counts = [await admitted(app, url, 9)]
    clock.advance(30_000)
    counts.push(await admitted(app, url, 9))
    clock.advance(90_000)
    counts.push(await admitted(app, url, 9))
    expect(counts).toEqual(expected)
    await app.close()
  })

  it('admits five requests in flight with concurrency, and the next when one ends', async () => {
    const finish: (() => void)[] = []
    const model = (features: readonly number[]) =>
      new Promise<ReturnType<typeof lightweightModel>>((resolve) => {
        finish.push(() => resolve(lightweightModel(features)))
      })
    const app = await strategiesApp({ keys, model })
    const url = '/algorithms/concurrency/predict'
    const running = Array.from({ length: 5 }, () => post(app, url))
    await expect.poll(() => finish.length).toBe(5)
    expect((await post(app, url)).statusCode).toBe(429)
    finish[0]?.()
    expect((await running[0])?.statusCode).toBe(200)
    const next = post(app, url)
    await expect.poll(() => finish.length).toBe(6)
    for (const end of finish) end()
    expect((await next).statusCode).toBe(200)
    await Promise.all(running)
    await app.close()
  })
})

describe('two limits in one string', () => {
  it('both apply', async () => {
    const clock = manualClock()
    const app = await strategiesApp({ keys, store: memoryStore({ clock }) })
    expect(await admitted(app, '/predict', 7)).toBe(5)
    clock.advance(60_000)
    expect(await admitted(app, '/predict', 7)).toBe(3)
    const answer = await post(app, '/predict')
    expect(answer.json()).toMatchObject({ limit: '8/hour' })
    await app.close()
  })
})

describe('a route for one tier', () => {
  /** An app with one fault: it trusts the tier in a header. */
  const trustingApp = () => {
    const app = fastify()
    app.post('/premium/predict', async ({ headers }, reply) =>
      headers['x-user-tier'] === 'premium' ? { prediction: 'calm' } : reply.code(403).send(),
    )
    return app
  }
  const claim = (app: App) => post(app, '/premium/predict', { 'x-user-tier': 'premium' })

  it('refuses a client that claims the tier in a header', async () => {
    const app = await strategiesApp({ keys })
    const refused = await claim(app)
    expect(refused.statusCode).toBe(403)
    expect(refused.json()).toMatchObject({ status: 403, detail: 'Premium access required' })
    await app.close()
  })

  it('admits a client that claims the tier in an app that trusts the header', async () => {
    expect((await claim(trustingApp())).statusCode).toBe(200)
  })

  it('admits only clients whose key has the required tier', async () => {
    const app = await strategiesApp({ keys })
    expect((await post(app, '/premium/predict', { 'x-api-key': FREE })).statusCode).toBe(403)
    const opened = await post(app, '/premium/predict', { authorization: `Bearer ${PREMIUM}` })
    expect(opened.statusCode).toBe(200)
    // Forbidden requests do not consume the limit.
    expect(opened.headers.ratelimit).toBe('"requests";r=29;t=60')
    await app.close()
  })
})
