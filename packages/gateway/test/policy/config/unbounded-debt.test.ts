import { expect, it } from 'vitest'
import { parseConfig } from '../../../src/policy/config/load-config.js'

/** Lists the warnings about a file with one route. */
function warningsOf(llm: string, limits: string, shared = '[]'): string[] {
  const { warnings = [] } = parseConfig(
    `upstream: http://127.0.0.1:9000
limits: ${shared}
routes: [{ match: POST /v1/chat/completions, llm: { shape: openai, ${llm} }, limits: ${limits} }]`,
    'gateway.yaml',
  )
  return warnings.map(({ line, message }) => `${line}: ${message}`)
}

const TOKENS = '{ limit: 100k/minute, of: tokens }'
const WARNING =
  '3: answers in flight may overdraw the limit of tokens by client; ' +
  'add, for example, { concurrent: 8 }, or when_exhausted: cut'

it('warns about learned reservations without a limit on requests in flight by the same key', () => {
  expect(warningsOf('reserve: learned', `[${TOKENS}]`)).toEqual([WARNING])
  expect(warningsOf('reserve: p90', `[${TOKENS}, { concurrent: 8, by: everyone }]`)).toEqual([WARNING])
  const ofLabel = '{ limit: 100k/minute, of: output_tokens, by: ip }'
  expect(warningsOf('reserve: learned', `[${ofLabel}]`)).toEqual([
    '3: answers in flight may overdraw the limit of tokens by ip; ' +
      'add, for example, { concurrent: 8, by: ip }, or when_exhausted: cut',
  ])
})

it('does not warn if the debt is bounded, or nothing is learned', () => {
  expect(warningsOf('reserve: learned', `[${TOKENS}, { concurrent: 8 }]`)).toEqual([])
  expect(warningsOf('reserve: learned', `[${TOKENS}]`, '[{ concurrent: 8 }]')).toEqual([])
  expect(warningsOf('reserve: learned, when_exhausted: cut', `[${TOKENS}]`)).toEqual([])
  expect(warningsOf('reserve: learned', '[60/minute, { limit: 100k/minute, of: input_tokens }]')).toEqual([])
  expect(warningsOf('reserve: stated', `[${TOKENS}]`)).toEqual([])
})
