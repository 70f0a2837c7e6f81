import { describe, expect, it } from 'vitest'
import { MAX_CONTAINERS, MAX_NEW_MEMBERS, MAX_VALUES } from '../../../src/policy/body/json-structure.js'
import { MAX_FIELDS } from '../../../src/policy/body/parse-body.js'
import { send, startTestGateway } from './running-gateway.js'

/** Tests bodies within `max_body` that would block all other requests while they are parsed. */

const CONFIG = `
max_body: 16MiB
server: { max_body_memory: 1GiB }
routes:
  - { match: POST /batch, limits: [{ limit: 10M/hour, cost: size(body) }] }
  - { match: POST /v1/chat/completions, llm: openai, limits: [{ limit: 100M/hour, of: tokens }] }
  - match: POST /form
    body_types: [application/x-www-form-urlencoded]
    limits: [{ limit: 1M/hour, cost: int(body.n) }]
`
const JSON_BODY = { 'content-type': 'application/json' }
const FORM = { 'content-type': 'application/x-www-form-urlencoded' }

function repeat(count: number, piece: (index: number) => string, separator = ','): string {
  return Array.from({ length: count }, (_, index) => piece(index)).join(separator)
}

const members = (count: number) => repeat(count, (index) => `"m${index}":1`)

/** Builds objects of two members each. The names repeat, but each pair of names is unique. */
const pairs = (count: number) =>
  repeat(count, (index) => `{"a${index % 200}":1,"b${Math.floor(index / 200)}":1}`)

describe('the gateway', () => {
  it.each([
    [MAX_NEW_MEMBERS, 'members in one object', `{${members(MAX_NEW_MEMBERS + 1)}}`],
    [
      MAX_NEW_MEMBERS,
      'members in objects with different names',
      `[${repeat(20_001, (at) => `{"m${at}":1}`)}]`,
    ],
    [MAX_NEW_MEMBERS, 'members in objects with different pairs of names', `[${pairs(21_000)}]`],
    [
      MAX_NEW_MEMBERS,
      'members in large objects of the same shape',
      `[${repeat(30, () => `{${members(1000)}}`)}]`,
    ],
    [MAX_CONTAINERS, 'arrays', `[${repeat(MAX_CONTAINERS, () => '[]')}]`],
    [MAX_CONTAINERS, 'objects', `[${repeat(MAX_CONTAINERS, () => '{}')}]`],
    [MAX_VALUES, 'numbers', `[${repeat(MAX_VALUES + 1, () => '1')}]`],
  ])('responds with 413 to a body with more than %d %s', async (max, _, body) => {
    const { url } = await startTestGateway(CONFIG)
    for (const path of ['/batch', '/v1/chat/completions']) {
      const response = await send(url, path, { headers: JSON_BODY, body })
      expect(response.status).toBe(413)
      expect(response.text).toContain(`the request body has more than ${max} `)
    }
  })

  it.each([
    ['the maximum number of members', `{${members(MAX_NEW_MEMBERS)}}`],
    ['the maximum number of arrays', `[${repeat(MAX_CONTAINERS - 1, () => '[]')}]`],
    ['the maximum number of numbers', `[${repeat(MAX_VALUES, () => '1')}]`],
    ['many objects of the same shape', `[${repeat(100_000, () => '{"a":1,"b":2,"c":3}')}]`],
    ['brackets, commas and names in a string', JSON.stringify([`${'[{,"a":'.repeat(MAX_CONTAINERS + 1)}`])],
  ])('admits a body with %s', async (_, body) => {
    const { url } = await startTestGateway(CONFIG)
    expect((await send(url, '/batch', { headers: JSON_BODY, body })).status).toBe(200)
  })

  it('responds with 413 to a form with more than 10,000 fields', async () => {
    const { url } = await startTestGateway(CONFIG)
    const fields = (count: number) => `n=1&${repeat(count - 1, (index) => `%ff${index}=1`, '&')}`
    const status = async (body: string) => (await send(url, '/form', { headers: FORM, body })).status
    expect(await status(fields(MAX_FIELDS))).toBe(200)
    expect(await status(fields(MAX_FIELDS + 1))).toBe(413)
    expect(await status(fields(MAX_FIELDS).replaceAll('&', ';'))).not.toBe(413)
  })
})
