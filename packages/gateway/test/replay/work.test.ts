import { expect, it } from 'vitest'
import { parseConfig } from '../../src/policy/config/load-config.js'
import { replay } from '../../src/replay/replay.js'
import { summary } from '../../src/replay/report/report-summary.js'
import { streamOf } from './traces.js'

const configOf = (route: string) =>
  parseConfig(
    `
upstream: http://127.0.0.1:9000
routes:
  - ${route}
    llm: auto
    limits: [100/hour, { name: pictures, limit: 6/hour, of: images, by: everyone, algorithm: fixed-window }]
`,
    'replayed.yaml',
  )

const CONFIG = configOf('match: POST /v1/images/generations')

/** Replays calls that are a millisecond apart. */
async function play(calls: readonly object[], config = CONFIG) {
  const lines = calls.map((call, index) =>
    JSON.stringify({
      ...{ time: 1_700_000_000_000 + index, path: 'POST /v1/images/generations' },
      ...{ client: 'ada', input_tokens: 10, output_tokens: 0, ...call },
    }),
  )
  const outcomes: string[] = []
  const report = await replay(streamOf(lines.join('\n'), 1), config, {
    onDecision: ({ number, outcome }) => {
      outcomes[number] = outcome.kind
    },
  })
  return { outcomes, text: summary(report) }
}

it('charges the images that a gateway recorded', async () => {
  const { outcomes } = await play([3, 2, 2, 1].map((images) => ({ reserved: { images } })))
  expect(outcomes).toEqual(['allowed', 'allowed', 'refused', 'allowed'])
})

it('charges the recorded cost if the images were not recorded', async () => {
  const { outcomes } = await play([4, 3, 2].map((cost) => ({ costs: { pictures: cost } })))
  expect(outcomes).toEqual(['allowed', 'refused', 'allowed'])
})

it('skips the limit for requests whose images are unknown, and says so', async () => {
  const { outcomes, text } = await play(Array(9).fill({}))
  expect(new Set(outcomes)).toEqual(new Set(['allowed']))
  expect(text).toContain('the trace has no images')
})

it('charges nothing for calls to an API that has no images', async () => {
  const call = { path: 'POST /v1/messages', max_tokens: 5 }
  const { outcomes, text } = await play([call, call], configOf('match: POST /v1/*'))
  expect(outcomes).toEqual(['allowed', 'allowed'])
  expect(text).not.toContain('the trace has no images')
})
