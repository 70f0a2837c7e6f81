import { expect, it } from 'vitest'
import { parseConfig } from '../../../src/policy/config/load-config.js'
import { checkText } from './check-text.js'

const UPSTREAM = 'upstream: http://127.0.0.1:9000'

/** Lists the positions of the warnings about a file. */
function positionsOf(text: string): string[] {
  const { warnings = [] } = parseConfig(text, 'gateway.yaml')
  return warnings.map(({ line, column }) => `${line}:${column}`)
}

it.each([
  ['a day', '- ¦10/day'],
  ['24 hours', '- ¦10 per 24 hours'],
  ['a month', '- ¦1000/month'],
  ['a quoted limit', '- ¦"100/week"'],
  ['a longer limit after a short one', '- ¦10/minute; 1000/day'],
  ['a limit in a map', '- { limit: ¦10/day, of: tokens, cost: 2 }'],
  ['a calendar month', '- { limit: ¦10/month, algorithm: fixed-window, align: calendar }'],
  ['the limit of a tier', '- { limit: 10/minute, tiers: { free: ¦10/day, premium: 5 } }'],
])('warns that a restart resets a limit in memory: %s', (_name, limit) => {
  const at = limit.indexOf('¦')
  for (const [head, line] of [
    [`routes:\n  - match: /a\n    limits:\n`, 5],
    ['default:\n    limits:\n', 4],
    ['limits:\n', 3],
  ] as const)
    expect(positionsOf(`${UPSTREAM}\n${head}    ${limit.replace('¦', '')}\n`)).toEqual([`${line}:${5 + at}`])
})

it('warns if the file configures the memory store explicitly', () => {
  const limits = 'default: { limits: [10/day] }'
  expect(positionsOf(`${UPSTREAM}\nstore: memory\n${limits}`)).toHaveLength(1)
  expect(positionsOf(`${UPSTREAM}\nstore: { memory: { max_keys: 10 } }\n${limits}`)).toHaveLength(1)
  expect(positionsOf(`${UPSTREAM}\n${limits}\nstore: memory`)).toHaveLength(1)
})

it('does not warn about limits in a shared store, short limits or slots', () => {
  const limits = 'default: { limits: [10/day] }'
  expect(positionsOf(`${UPSTREAM}\nstore: redis://127.0.0.1\n${limits}`)).toEqual([])
  expect(positionsOf(`${UPSTREAM}\nstore: memcached://127.0.0.1\n${limits}`)).toEqual([])
  expect(
    positionsOf(`${UPSTREAM}\ndefault: { limits: [10/minute, 5/23h, { concurrent: 2, lease: 2d }] }`),
  ).toEqual([])
})

it('warns once about a limit that aliases repeat', () => {
  const text = `${UPSTREAM}\nlimits: &all [10/day]\nroutes: [{ match: /a, limits: *all }]`
  expect(positionsOf(text)).toEqual(['2:15'])
})

it('sluice check prints the warning and exits with 0', async () => {
  const { code, out, err } = await checkText(`${UPSTREAM}\ndefault: { limits: [10/day] }\n`)
  expect(code).toBe(0)
  expect(out).toContain(': ok\n')
  expect(err.replace(/^.*gateway/, 'gateway').split('\n')).toEqual([
    expect.stringMatching(/^gateway\.yaml:2:21: warning: a restart resets .* store: redis:\/\/127/),
    '  default: { limits: [10/day] }',
    '                      ^',
    '',
  ])
})
