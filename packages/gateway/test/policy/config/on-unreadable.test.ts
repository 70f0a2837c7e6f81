import { describe, expect, it } from 'vitest'
import { checkText } from './check-text.js'

const file = (text: string) => `upstream: http://127.0.0.1:9000\n${text}`

describe('sluice check for on_unreadable and body_types', () => {
  it.each<[string, string]>([
    [
      'routes:\n  - match: POST /v1/chat/completions\n    llm: openai\n    limits: [{ limit: 1/hour, of: tokens }]\n    on_unreadable: pass',
      "6:20: 'on_unreadable: pass' cannot be combined with 'llm'",
    ],
    [
      'on_unreadable: pass\nroutes:\n  - { match: POST /v1/chat/completions, llm: openai, limits: [1/hour] }',
      "2:16: on the route POST /v1/chat/completions: 'on_unreadable: pass' cannot be combined with 'llm'",
    ],
    ['on_unreadable: maybe', "2:16: 'on_unreadable' must be 'reject' or 'pass', not 'maybe'"],
    ['body_types: []', "2:13: 'body_types' must name at least one media type"],
    [
      'body_types: application/json',
      "2:13: 'body_types' must be a list of media types such as [application/json]",
    ],
    ['body_types: [json]', 'expected a media type without parameters'],
    ['body_types: ["*/*"]', 'expected a media type without parameters'],
    ['body_types: ["application/json; charset=utf-8"]', 'expected a media type without parameters'],
    ['body_types: [multipart/form-data]', '2:14: rules cannot read multipart bodies'],
  ])('reports the problem in %j', async (text, message) => {
    const { code, err } = await checkText(file(text))
    expect([code, err]).toEqual([1, expect.stringContaining(message)])
  })

  it('prints settings that differ from the defaults', async () => {
    const { code, out } = await checkText(
      file('on_unreadable: pass\nbody_types: [Text/Plain]\nroutes: [{ match: /a, limits: [10/minute] }]'),
    )
    expect(code).toBe(0)
    expect(out).toContain('reads bodies of type text/plain')
    expect(out).toContain('forwards requests that rules cannot read')
  })

  it('prints the addresses that the limits of a route do not apply to', async () => {
    const { out } = await checkText(
      file('routes: [{ match: /a, limits: [10/minute], allow: [192.0.2.0/24, "::1"] }]'),
    )
    expect(out).toContain('; not limited for 192.0.2.0/24 and ::1')
  })

  it('allows on_unreadable: reject on a route with llm in a file with on_unreadable: pass', async () => {
    const route = 'on_unreadable: reject, match: POST /v1/chat/completions, llm: openai, limits: [1/hour]'
    const { code } = await checkText(file(`on_unreadable: pass\nroutes: [{ ${route} }]`))
    expect(code).toBe(0)
  })
})

describe('an expression that crashes the type checker', () => {
  it.each([
    ['[].all(e, e > 0) ? 1 : 2', 0],
    ['size(body) > 1 ? 1 : {}.all(e, e > 0) ? 1 : 2', 21],
    ['[ ].exists(e, 1 < e) ? 1 : 2', 0],
    ['[].map(e, e <= 1)[0] ? 1 : 2', 0],
    ['[][0] > 1 ? 1 : 2', 0],
  ])('is reported at its position: %s', async (expression, at) => {
    const line = `routes: [{ match: /a, limits: [{ limit: 1/hour, cost: "${expression}" }] }]`
    const { code, err } = await checkText(file(line))
    expect([code, err]).toEqual([1, expect.stringContaining(`:2:${line.indexOf(expression) + 1 + at}: `)])
  })
})
