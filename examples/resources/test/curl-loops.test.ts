import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  curlLoop,
  type RunningExample,
  startExample,
  statuses,
} from '../../support/prediction-app/test/running.js'

const batchOf = (rows: number) => JSON.stringify({ data: Array(rows).fill([1, 2, 3]) })

describe('examples/resources', () => {
  let example: RunningExample
  beforeAll(async () => {
    example = await startExample('resources')
  })
  afterAll(() => example?.[Symbol.asyncDispose]())

  const loop = (times: number, path: string, body: string) =>
    curlLoop(times, `${example.url}/models/${path}`, { body })

  it('admits a hundred requests to the light model, ten to the heavy one, and two batches', async () => {
    expect(await loop(102, 'lightweight/predict', '{"data":[1,2,3]}')).toEqual(statuses([200, 100], [429, 2]))
    expect(await loop(12, 'heavy/predict', '{"data":[1,2,3]}')).toEqual(statuses([200, 10], [429, 2]))
    expect(await loop(4, 'batch-process', '[[1,2,3],[4,5,6]]')).toEqual(statuses([200, 2], [429, 2]))
  })

  it('admits a hundred rows, however they are grouped into batches', async () => {
    expect(await loop(3, 'batch-predict', batchOf(30))).toEqual(statuses([200, 3]))
    // Ten rows are left: eleven do not fit, ten do, and a refused batch charges nothing.
    expect(await loop(2, 'batch-predict', batchOf(11))).toEqual(statuses([429, 2]))
    expect(await loop(2, 'batch-predict', batchOf(5))).toEqual(statuses([200, 2]))
    expect(await loop(1, 'batch-predict', batchOf(1))).toEqual(statuses([429, 1]))
  })
})
