import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  curlLoop,
  type RunningExample,
  startExample,
  statuses,
} from '../../support/prediction-app/test/running.js'

const body = '{"features":[1,2,3]}'

describe('examples/tiers', () => {
  let example: RunningExample
  let url: string
  beforeAll(async () => {
    example = await startExample('tiers')
    url = `${example.url}/predict`
  })
  afterAll(() => example?.[Symbol.asyncDispose]())

  const keyFor = (tier: string) => {
    const key = new RegExp(`'(x-api-key: \\S+)' \\(${tier}\\)`).exec(example.output())?.[1]
    if (key === undefined) throw new Error(`no ${tier} key in: ${example.output()}`)
    return key
  }

  it('admits an anonymous client twenty times, whatever tier it claims', async () => {
    const headers = ['x-user-tier: premium']
    expect(await curlLoop(22, url, { body, headers })).toEqual(statuses([200, 20], [429, 2]))
  })

  it('admits a client with a free key twenty times', async () => {
    expect(await curlLoop(22, url, { body, headers: [keyFor('free')] })).toEqual(
      statuses([200, 20], [429, 2]),
    )
  })

  it('admits a client with a premium key a hundred times', async () => {
    const headers = [keyFor('premium')]
    expect(await curlLoop(102, url, { body, headers })).toEqual(statuses([200, 100], [429, 2]))
  })
})
