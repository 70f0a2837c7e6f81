import { describe, expect, it } from 'vitest'
import { parseConfig } from '../../../src/policy/config/load-config.js'
import { checkText } from './check-text.js'

const START = 'upstream: http://127.0.0.1:9000\n'

/** Returns the problems of a file, without the lines that quote it. */
async function problemsOf(text: string): Promise<string[]> {
  const { err } = await checkText(START + text)
  return err.split('\n').flatMap((line) => /gateway\.yaml:(\d+:\d+: .*)$/.exec(line)?.[1] ?? [])
}

describe('the upstreams of a configuration file', () => {
  it('are decoded with the complete order of their fallbacks', () => {
    const { upstreams, routes } = parseConfig(
      `${START}
upstreams:
  a: { url: https://a.example, fallback: [b, d], fallback_on: [429, 503] }
  b: { urls: [http://10.0.0.6:8000, http://10.0.0.7:8000], fallback: c, health: { path: /health } }
  c: { url: http://10.0.0.8:8000 }
  d: { url: http://10.0.0.9:8000, fallback: c }
routes:
  - { match: /a, upstream: a }
  - { match: /url, upstream: "https://x.example/one" }
  - { match: /other, upstream: "https://x.example/two" }
  - { match: /again, upstream: "https://x.example/one" }
`,
      'test.yaml',
    )
    expect(upstreams).toEqual({
      a: { urls: ['https://a.example'], fallback: ['b', 'c', 'd'], fallbackOn: [429, 503] },
      b: {
        urls: ['http://10.0.0.6:8000', 'http://10.0.0.7:8000'],
        fallback: ['c'],
        health: { path: '/health', everyMs: 5000 },
      },
      c: { urls: ['http://10.0.0.8:8000'] },
      d: { urls: ['http://10.0.0.9:8000'], fallback: ['c'] },
      'https://x.example': { urls: ['https://x.example/one'] },
      'https://x.example#2': { urls: ['https://x.example/two'] },
    })
    expect(routes.map(({ upstream }) => upstream)).toEqual([
      'a',
      'https://x.example',
      'https://x.example#2',
      'https://x.example',
    ])
  })

  it.each([
    ['a: { url: http://a, fallback: b }\n  b: { url: http://b, fallback: a }', /leads back to '[ab]'/],
    ['a: { url: http://a, fallback: a }', /leads back to 'a'/],
    [
      'vllm: { url: http://a }\n  b: { url: http://b, fallback: vlm }',
      /unknown upstream 'vlm'; did you mean 'vllm'\?/,
    ],
    ['a: {}', /requires either 'url' or 'urls'/],
    ['a: { url: http://a, urls: [http://b] }', /requires either 'url' or 'urls'/],
    ['a: { urls: [] }', /'urls' is empty/],
    ['a: { urls: [http://a, http://a] }', /the same URL twice/],
    ['a: { url: http://a, tls: { ca: ca.crt } }', /'tls' requires an upstream with https/],
    ['a: { url: http://a, fallback_on: [503] }', /'fallback_on' requires 'fallback'/],
    ['a: { url: http://a, fallback: default, fallback_on: [404] }', /429, or a status from 500 to 599/],
    ['a: { url: http://a, health: { every: 5s } }', /'health' requires 'path'/],
    ['a: { url: http://a, health: { path: health } }', /must be a path such as \/health/],
    ['a: { url: http://a, headers: { Host: x } }', /'Host' cannot be set/],
    ['a: { url: http://a, headers: { X-A: x, x_a: y } }', /'x_a' is set twice/],
    ['a: { url: http://a, headers: { "a b": x } }', /not the name of a header/],
    ['a: { url: http://a, limits: [{ limit: 9/minute, by: ip }] }', /remove 'by'/],
    ['a: { url: http://a, limits: [{ limit: "client.id" }] }', /must be fixed/],
    ['a: { url: http://a, limits: [{ limit: 9/minute, when: "true" }] }', /remove 'when'/],
    ['a: { url: http://a, limits: [{ limit: 9 USD/day, of: money }] }', /cannot count money/],
    ['default: { url: http://a }', /choose another name/],
    ['9a: { url: http://a }', /not a valid name/],
  ])('are rejected with one clear problem: %s', async (text, message) => {
    const problems = await problemsOf(`upstreams:\n  ${text}\n`)
    expect(problems.length).toBeGreaterThan(0)
    for (const problem of problems) expect(problem).toMatch(message)
  })

  it.each([
    ['{ match: /a, upstream: vlm }', "5:28: unknown upstream 'vlm'; did you mean 'vllm'?"],
    [
      "{ match: /a, upstream: \"ip == '1' ? 'vllm' : 'vlm'\" }",
      "5:51: unknown upstream 'vlm'; did you mean 'vllm'?",
    ],
    [
      "{ match: /a, upstream: \"model == 'x' ? 'vllm' : 'default'\" }",
      "5:29: 'model' is the model of a call, so it requires 'llm' on the route; add 'llm'",
    ],
    [
      '{ match: /a, upstream: "size(ip)" }',
      '5:29: the expression must return the name of an upstream, but returns an int',
    ],
    [
      '{ match: /a, upstream: "http://user:secret@a" }',
      "5:28: 'upstream' must not contain a user name or password",
    ],
  ])('are checked where a route names them: %s', async (route, problem) => {
    const problems = await problemsOf(`upstreams:\n  vllm: { url: http://a }\nroutes:\n  - ${route}\n`)
    expect(problems).toHaveLength(1)
    expect(problems[0]).toContain(problem)
    expect(problems[0]).not.toContain('secret')
  })

  it('are described by check, without paths and the values of headers', async () => {
    const { out } = await checkText(`${START}
upstreams:
  vllm: { url: http://10.0.0.5:8000/secret-path, health: { path: /secret-health } }
  openai:
    url: https://api.openai.com
    headers: { authorization: Bearer secret-key }
    fallback: vllm
    limits: [{ limit: 60/minute, wait: 20s }, { limit: 1000/minute, of: tokens }]
routes:
  - { match: /v1/*, upstream: "headers['x-team'] == 'a' ? 'openai' : 'vllm'" }
  - { match: /x, upstream: "https://x.example/secret" }
`)
    expect(out).not.toContain('secret')
    expect(out.split('\n').slice(3, -1)).toEqual([
      '  upstream vllm: http://10.0.0.5:8000, checked every 5 seconds',
      '  upstream openai: https://api.openai.com, sets authorization, falls back to vllm if it cannot be reached, or after 429; ' +
        '60/minute (token-bucket) by everyone, waits up to 20 seconds; ' +
        '1000/minute tokens (token-bucket) by everyone, cost estimated from the call',
      '  upstream of a route: https://x.example',
      "  /v1/*    to headers['x-team'] == 'a' ? 'openai' : 'vllm'; not limited",
      '  /x       to https://x.example; not limited',
      '  default  not limited',
    ])
  })

  it('have TLS files that check reads', async () => {
    const { code, err } = await checkText(
      `${START}upstreams:\n  a: { url: https://a.example, tls: { ca: missing.crt } }\n`,
    )
    expect(code).toBe(1)
    expect(err).toMatch(/missing\.crt:1:1: the file does not exist/)
  })
})
