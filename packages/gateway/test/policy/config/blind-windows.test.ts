import { expect, it } from 'vitest'
import { parseConfig } from '../../../src/policy/config/load-config.js'

const warningsOf = (routes: string, concurrent = 'auto') =>
  parseConfig(
    `upstream: http://127.0.0.1:9000
limits: [{ concurrent: ${concurrent}, by: everyone, wait: 10s }]
routes: [${routes}]
default: deny
`,
    'gateway.yaml',
  ).warnings?.map(({ line, message }) => `${line}: ${message}`)

const LIMITED = 'so only max, metrics and what the upstream says limit requests'

it.each([
  [
    '{ match: POST /predict }',
    'auto',
    `2: 'concurrent: auto' cannot follow a server on routes without 'llm', ${LIMITED}; add 'llm' to the routes`,
  ],
  [
    '{ match: POST /v1/chat/completions, llm: { shape: openai, ask_for_usage: false } }',
    '{ auto: { max: 5 } }',
    `2: 'concurrent: auto' cannot follow a server whose streams report no usage, ${LIMITED}; remove ask_for_usage: false`,
  ],
])('check warns that slots cannot follow a server: %s', (routes, concurrent, warning) => {
  expect(warningsOf(routes, concurrent)).toContain(warning)
})

it.each([
  ['{ match: POST /v1/chat/completions, llm: openai }, { match: POST /predict }', 'auto'],
  ['{ match: POST /predict }', '8'],
])('check does not warn: %s with %s', (routes, concurrent) => {
  expect(warningsOf(routes, concurrent)?.join() ?? '').not.toContain('cannot follow')
})
