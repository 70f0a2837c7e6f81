import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  curlLoop,
  type RunningExample,
  startExample,
  statuses,
} from '../../support/prediction-app/test/running.js'

const body = '{"features":[1,2,3]}'

describe('examples/strategies', () => {
  let example: RunningExample
  beforeAll(async () => {
    example = await startExample('strategies')
  })
  afterAll(() => example?.[Symbol.asyncDispose]())

  const loop = (times: number, path: string, headers: string[] = []) =>
    curlLoop(times, `${example.url}${path}`, { body, headers })

  it('limits a route by a limit string', async () => {
    expect(await loop(7, '/predict')).toEqual(statuses([200, 5], [429, 2]))
  })

  it('limits each model separately with a custom key', async () => {
    expect(await loop(6, '/models/lightweight/predict')).toEqual(statuses([200, 5], [429, 1]))
    expect(await loop(6, '/models/heavy/predict')).toEqual(statuses([200, 5], [429, 1]))
    expect(await loop(2, '/models/made-up/predict')).toEqual(statuses([422, 2]))
  })

  it.each(['fixed-window', 'sliding-log'])('limits requests with %s', async (algorithm) => {
    expect(await loop(7, `/algorithms/${algorithm}/predict`)).toEqual(statuses([200, 5], [429, 2]))
  })

  it('refuses requests in a custom format', async () => {
    expect(await loop(6, '/own-answer/predict')).toEqual(statuses([200, 5], [429, 1]))
    const answer = await fetch(`${example.url}/own-answer/predict`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body,
    })
    expect(answer.headers.get('ratelimit')).not.toBeNull()
    expect(await answer.json()).toEqual({
      error: 'rate_limit_exceeded',
      retry_after_seconds: Number(answer.headers.get('retry-after')),
    })
  })

  it('reserves a route for one tier', async () => {
    const key = /'(x-api-key: \S+)'/.exec(example.output())?.[1] as string
    expect(await loop(3, '/premium/predict')).toEqual(statuses([403, 3]))
    expect(await loop(3, '/premium/predict', ['x-user-tier: premium'])).toEqual(statuses([403, 3]))
    expect(await loop(3, '/premium/predict', ['x-api-key: made-up'])).toEqual(statuses([401, 3]))
    expect(await loop(32, '/premium/predict', [key])).toEqual(statuses([200, 30], [429, 2]))
  })
})
