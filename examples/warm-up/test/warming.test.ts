import type { FastifyInstance } from 'fastify'
import { createWarmUp, manualClock, memoryStore } from 'sluice'
import { describe, expect, it } from 'vitest'
import {
  curlLoop,
  type RunningExample,
  startExample,
  statuses,
} from '../../support/prediction-app/test/running.js'
import { warmUpApp } from '../src/app.js'
import { dividingApp } from './naive-app.js'

const body = '{"features":[1,2,3]}'
const MINUTE = 60_000

/** The example with a manual clock. */
async function example() {
  const clock = manualClock()
  const warmUp = createWarmUp({ from: 0.2, over: '60s', steps: 1, clock })
  const app = await warmUpApp(warmUp, memoryStore({ clock }))
  return { app, clock, warmUp }
}

describe('a limit with a warm-up', () => {
  it('admits ten requests a minute during the warm-up and fifty afterwards', async () => {
    const { app, clock, warmUp } = await example()
    const url = `${await app.listen({ port: 0, host: '127.0.0.1' })}/predict`
    expect(await curlLoop(12, url, { body })).toEqual(statuses([200, 10], [429, 2]))

    clock.advance(MINUTE)
    warmUp.ready()
    expect(await curlLoop(12, url, { body })).toEqual(statuses([200, 10], [429, 2]))

    clock.advance(MINUTE)
    expect(await curlLoop(52, url, { body })).toEqual(statuses([200, 50], [429, 2]))

    clock.advance(MINUTE)
    warmUp.unready()
    expect(await curlLoop(12, url, { body })).toEqual(statuses([200, 10], [429, 2]))
    await app.close()
  })

  it('is reported in RateLimit-Policy at its current value', async () => {
    const { app, clock, warmUp } = await example()
    const policy = async () => {
      const { headers } = await app.inject({
        method: 'POST',
        url: '/predict',
        payload: body,
        headers: JSON_BODY,
      })
      return headers['ratelimit-policy']
    }
    expect(await policy()).toBe('"requests";q=10;w=60')
    warmUp.ready()
    clock.advance(MINUTE - 1)
    expect(await policy()).toBe('"requests";q=10;w=60')
    clock.advance(1)
    expect(await policy()).toBe('"requests";q=50;w=60')
    await app.close()
  })
})

const JSON_BODY = { 'content-type': 'application/json' }

describe('a limit that is reduced during the warm-up', () => {
  /** Returns how many of sixty requests are admitted in each of three minutes; two are warm-up. */
  async function admittedByMinute(app: Pick<FastifyInstance, 'inject'>, next: () => void): Promise<number[]> {
    const admitted: number[] = []
    for (let minute = 0; minute < 3; minute++) {
      let count = 0
      for (let request = 0; request < 60; request++) {
        const answer = await app.inject({
          method: 'POST',
          url: '/predict',
          payload: body,
          headers: JSON_BODY,
        })
        if (answer.statusCode === 200) count++
      }
      admitted.push(count)
      next()
    }
    return admitted
  }

  it('is restored after the warm-up', async () => {
    const { app, clock, warmUp } = await example()
    const admitted = await admittedByMinute(app, () => {
      clock.advance(MINUTE)
      warmUp.ready()
    })
    expect(admitted).toEqual([10, 10, 50])
    await app.close()
  })

  it('falls to zero for good in an app whose requests divide it', async () => {
    let minute = 0
    const app = dividingApp(
      () => minute < 2,
      () => minute,
    )
    const admitted = await admittedByMinute(app, () => {
      minute++
    })
    // The first request finds 10, the second 2, the third 0.
    expect(admitted).toEqual([2, 0, 0])
    await app.close()
  })
})

describe('examples/warm-up', () => {
  const modelInfo = async ({ url }: RunningExample) => (await fetch(`${url}/model-info`)).json()

  it('starts with a fifth of the limit', async () => {
    await using running = await startExample('warm-up')
    const received = await curlLoop(12, `${running.url}/predict`, { body })
    expect(received).toEqual(statuses([200, 10], [429, 2]))
  })

  it('grants the full limit once the model is warm', async () => {
    await using running = await startExample('warm-up', { WARM_UP: '1ms' })
    await expect.poll(() => modelInfo(running), { timeout: 30_000 }).toEqual({ ready: true, scale: 1 })
    const received = await curlLoop(52, `${running.url}/predict`, { body })
    expect(received).toEqual(statuses([200, 50], [429, 2]))
  })
})
