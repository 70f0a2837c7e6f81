import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  curlLoop,
  type RunningExample,
  startExample,
  statuses,
} from '../../support/prediction-app/test/running.js'

describe('examples/in-memory', () => {
  let example: RunningExample
  beforeAll(async () => {
    example = await startExample('in-memory')
  })
  afterAll(() => example?.[Symbol.asyncDispose]())

  it('admits ten predictions and two batches, counted separately', async () => {
    const predict = await curlLoop(12, `${example.url}/predict`, { body: '{"features":[1,2,3]}' })
    expect(predict).toEqual(statuses([200, 10], [429, 2]))
    const batch = await curlLoop(4, `${example.url}/batch-predict`, { body: '{"data":[[1,2,3],[4,5,6]]}' })
    expect(batch).toEqual(statuses([200, 2], [429, 2]))
  })

  it('never refuses requests for the model card', async () => {
    expect(await curlLoop(50, `${example.url}/model-info`)).toEqual(statuses([200, 50]))
  })

  it('tells a refused client when to retry', async () => {
    const answer = await fetch(`${example.url}/predict`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{"features":[1,2,3]}',
    })
    const seconds = Number(answer.headers.get('retry-after'))
    expect(answer.status).toBe(429)
    expect(seconds).toBeGreaterThanOrEqual(1)
    expect(seconds).toBeLessThanOrEqual(60)
    expect(await answer.json()).toMatchObject({ detail: expect.stringContaining('10 requests per minute') })
  })
})
