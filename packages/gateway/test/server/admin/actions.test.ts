import { createHash } from 'node:crypto'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { ActionChange } from '../../../src/server/admin/api/admin-actions.js'
import type { Status } from '../../../src/server/admin/api/gateway-status.js'
import { echo, send, startTestGateway, type TestGateway } from '../gateway/running-gateway.js'

const TOKEN = 'a-token-of-some-length'
const HASH = createHash('sha256').update(TOKEN).digest('hex')

const RULES = `
limits: [{ limit: 100/hour, by: everyone, name: all }]
routes:
  - match: POST /predict
    limits:
      - { name: few, limit: 2/hour, algorithm: fixed-window }
      - { name: slots, concurrent: 2 }
  - match: POST /other`

async function gatewayWithToken() {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-audit-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  const audit = join(folder, 'audit.jsonl')
  const gateway = await startTestGateway(
    RULES,
    echo,
    `{ listen: 127.0.0.1:0, token_sha256: ${HASH}, audit: ${audit} }`,
  )
  const auditLines = async () => {
    const text = await readFile(audit, 'utf8')
    return text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
  }
  return { ...gateway, auditLines }
}

async function act(
  { adminUrl }: TestGateway,
  action: ActionChange | string,
  headers: object = {},
  path = '/api/actions',
) {
  const { status, text } = await send(adminUrl, path, {
    headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json', ...headers },
    body: typeof action === 'string' ? action : JSON.stringify({ reason: 'a test', ...action }),
  })
  return { status, ...(JSON.parse(text) as { ok?: true; done?: string; error?: string }) }
}

async function rule({ adminUrl }: TestGateway, name: string) {
  const status = (await (await fetch(`${adminUrl}/api/status`)).json()) as Status
  return status.routes[0]?.rules.find((each) => each.rule === name)
}

const predict = async ({ url }: TestGateway) => (await send(url, '/predict')).status

const FEW = { route: 'POST /predict', rule: 'few' }

describe('an action with the token', () => {
  it('switches a rule to shadow and back', async () => {
    const gateway = await gatewayWithToken()
    for (const status of [200, 200, 429]) expect(await predict(gateway)).toBe(status)
    expect(await act(gateway, { act: 'shadow', ...FEW, shadow: true })).toEqual({
      status: 200,
      ok: true,
      done: "rule 'few' is now a shadow rule",
    })
    expect(await predict(gateway)).toBe(200)
    expect(await rule(gateway, 'few')).toMatchObject({
      enforced: false,
      overridden: { limit: '2/hour', enforced: true },
      wouldHaveRefused: 1,
    })
    await act(gateway, { act: 'undo', ...FEW })
    expect(await predict(gateway)).toBe(429)
    expect((await rule(gateway, 'few'))?.overridden).toBeUndefined()
  })

  it('changes a limit and keeps the usage so far', async () => {
    const gateway = await gatewayWithToken()
    expect(await predict(gateway)).toBe(200)
    await act(gateway, { act: 'limit', ...FEW, limit: '8/hour' })
    const statuses = []
    for (let n = 0; n < 8; n++) statuses.push(await predict(gateway))
    expect(statuses).toEqual([200, 200, 200, 200, 200, 200, 200, 429])
    expect(await rule(gateway, 'few')).toMatchObject({ limit: '8/hour', overridden: { limit: '2/hour' } })
    await act(gateway, { act: 'limit', route: 'POST /predict', rule: 'slots', limit: '7' })
    expect(await rule(gateway, 'slots')).toMatchObject({ limit: '7 concurrent' })
  })

  it.each(['/api/actions', '/api/acts'])('is accepted at %s', async (path) => {
    const gateway = await gatewayWithToken()
    const action: ActionChange = { act: 'limit', ...FEW, limit: '5/hour' }
    expect(await act(gateway, action, {}, path)).toEqual({
      status: 200,
      ok: true,
      done: "rule 'few' now has the limit 5/hour",
    })
    expect(await rule(gateway, 'few')).toMatchObject({ limit: '5/hour' })
    expect(await gateway.auditLines()).toMatchObject([{ outcome: 'done', act: action }])
  })

  it('resets the usage of a client', async () => {
    const gateway = await gatewayWithToken()
    for (const status of [200, 200, 429]) expect(await predict(gateway)).toBe(status)
    const { done } = await act(gateway, { act: 'reset', route: 'POST /predict', key: '127.0.0.1' })
    expect(done).toBe("usage of '127.0.0.1' reset for the rules few, slots")
    expect(await predict(gateway)).toBe(200)
  })

  it('resets a client by id, address or part of a key, on one route or on all routes', async () => {
    const gateway = await startTestGateway(
      `identity: { trusted_proxies: [127.0.0.0/8], proxy_headers: { client: X-Client-Id } }
limits: [{ limit: 100/hour, name: all }]
routes:
  - match: POST /predict
    limits: [{ name: few, limit: 2/hour }, { name: pair, limit: 50/hour, by: [client, ip] }]
  - match: POST /other
    limits: [{ name: few, limit: 2/hour }]`,
      echo,
      `{ listen: 127.0.0.1:0, token_sha256: ${HASH} }`,
    )
    const statusOf = async (path: string) =>
      (await send(gateway.url, path, { headers: { 'x-client-id': 'acme' } })).status
    const useUpLimits = async () => {
      for (const path of ['/predict', '/other']) while ((await statusOf(path)) !== 429);
    }
    await useUpLimits()
    expect(await act(gateway, { act: 'reset', key: 'acme' })).toMatchObject({
      status: 200,
      done: expect.stringMatching(/few.*pair|pair.*few/),
    })
    expect([await statusOf('/predict'), await statusOf('/other')]).toEqual([200, 200])

    await useUpLimits()
    expect(
      await act(gateway, { act: 'reset', route: 'POST /predict', rule: 'few', key: 'client acme' }),
    ).toMatchObject({
      done: "usage of 'client acme' reset for the rule few",
    })
    expect([await statusOf('/predict'), await statusOf('/other')]).toEqual([200, 429])
    expect(await act(gateway, { act: 'reset', key: 'acm' })).toMatchObject({ status: 404 })
    expect(await act(gateway, { act: 'reset', rule: 'many', key: 'acme' })).toMatchObject({ status: 404 })
    expect(await act(gateway, { act: 'reset', route: 'POST /predict', key: 'unknown' })).toMatchObject({
      status: 404,
    })
  })

  it('changes a shared rule on all routes', async () => {
    const gateway = await gatewayWithToken()
    await act(gateway, { act: 'limit', route: 'POST /predict', rule: 'all', limit: '50/hour' })
    const status = (await (await fetch(`${gateway.adminUrl}/api/status`)).json()) as Status
    const limits = status.routes.map(({ rules }) => rules.find((each) => each.rule === 'all')?.limit)
    expect(limits).toEqual(['50/hour', '50/hour', '50/hour'])
  })

  it('is kept across a reload while its rule exists', async () => {
    const gateway = await gatewayWithToken()
    await act(gateway, { act: 'limit', ...FEW, limit: '8/hour' })
    await act(gateway, { act: 'shadow', ...FEW, shadow: true })
    await gateway.gateway.apply(gateway.configOf(RULES.replace('2/hour', '3/hour')))
    expect(await rule(gateway, 'few')).toMatchObject({
      limit: '8/hour',
      enforced: false,
      overridden: { limit: '3/hour', enforced: true },
    })
    // The limit does not fit a rule with slots.
    await gateway.gateway.apply(
      gateway.configOf(RULES.replace('limit: 2/hour, algorithm: fixed-window', 'concurrent: 3')),
    )
    expect(await rule(gateway, 'few')).toMatchObject({ limit: '3 concurrent', enforced: false })
  })

  it.each<[ActionChange | string, number, string]>([
    ['no json', 400, 'not valid JSON'],
    [
      '{"act":"explode"}',
      400,
      "'act' must be block, unblock, override, shadow, limit, reset, forget or undo",
    ],
    ['{"act":"undo","route":"POST /predict","rule":"few","reason":"r","also":1}', 400, 'also'],
    [{ act: 'undo', ...FEW }, 400, "rule 'few' has no override to undo"],
    [{ act: 'shadow', ...FEW, route: 'POST /nowhere', shadow: true }, 404, "no route 'POST /nowhere'"],
    [{ act: 'shadow', ...FEW, rule: 'many', shadow: true }, 404, 'its rules are: few, slots, all'],
    [{ act: 'limit', ...FEW, limit: 'lots' }, 400, "'lots'"],
    [{ act: 'limit', ...FEW, limit: '1/minute; 2/hour' }, 400, 'a single limit'],
    [{ act: 'limit', ...FEW, rule: 'slots', limit: '5/minute' }, 400, 'a number such as 8'],
    [{ act: 'reset', route: 'POST /predict', rule: 'all', key: 'unknown' }, 404, 'has seen'],
    [`{"act":"undo","route":"${'x'.repeat(5000)}"}`, 413, 'must not exceed 4096 bytes'],
  ])('is rejected without any change if it is invalid: %j', async (action, status, error) => {
    const gateway = await gatewayWithToken()
    const before = await rule(gateway, 'few')
    const result = await act(gateway, action)
    expect(result).toMatchObject({ status, error: expect.stringContaining(error) })
    expect(await rule(gateway, 'few')).toEqual(before)
    expect((await gateway.auditLines()).at(-1)).toMatchObject({ outcome: 'refused', from: '127.0.0.1' })
  })

  it.each<[unknown, string]>([
    [{ act: 'limit', ...FEW, limit: '' }, "'limit' must be a string of 1 to 100 characters"],
    [{ act: 'limit', ...FEW, limit: 8 }, "'limit' must be a string of 1 to 100 characters"],
    [{ act: 'undo', rule: 'few', reason: 'r' }, "write either 'id', or 'route' and 'rule'"],
    [{ act: 'undo', ...FEW }, '\'reason\' is required, in 1 to 200 characters, such as "abuse, ticket 4711"'],
    [{ act: 'undo', ...FEW, reason: ' ' }, "'reason' must be a string of 1 to 200 characters"],
    [{ act: 'shadow', ...FEW }, "'shadow' must be true or false"],
    [{ act: 'undo', ...FEW, reason: 'r', also: 1 }, "unknown member 'also'"],
    [
      { act: 'explode', ...FEW },
      "'act' must be block, unblock, override, shadow, limit, reset, forget or undo",
    ],
    [FEW, "'act' must be block, unblock, override, shadow, limit, reset, forget or undo"],
    [[], 'an action must be an object such as { "act": "block", "client": …, "reason": … }'],
  ])('is rejected with an error that describes only the invalid part: %j', async (action, error) => {
    const gateway = await gatewayWithToken()
    expect(await act(gateway, JSON.stringify(action))).toEqual({ status: 400, error })
  })
})

describe('a request for an action', () => {
  it.each([
    ['no token', { authorization: '' }, 401],
    ['a wrong token', { authorization: `Bearer ${TOKEN}x` }, 401],
    ['the digest of the token', { authorization: `Bearer ${HASH}` }, 401],
    ['the token from a page of another origin', { origin: 'http://evil.example' }, 403],
  ])('is rejected with %s', async (_, headers, status) => {
    const gateway = await gatewayWithToken()
    expect(await act(gateway, { act: 'shadow', ...FEW, shadow: true }, headers)).toMatchObject({ status })
    expect(await rule(gateway, 'few')).toMatchObject({ enforced: true })
  })

  it('is rejected if no token is configured', async () => {
    const gateway = await startTestGateway(RULES)
    const result = await act(gateway, { act: 'shadow', ...FEW, shadow: true })
    expect(result).toMatchObject({ status: 403, error: expect.stringContaining('no admin token') })
    expect(await rule(gateway, 'few')).toMatchObject({ enforced: true })
  })

  it('is rejected if it is not sent as JSON', async () => {
    const gateway = await gatewayWithToken()
    const form = { 'content-type': 'text/plain' }
    expect(await act(gateway, { act: 'shadow', ...FEW, shadow: true }, form)).toMatchObject({ status: 415 })
  })
})

it('the admin port writes actions to the audit log, and summarizes requests without the token', async () => {
  const gateway = await gatewayWithToken()
  const action: ActionChange = { act: 'limit', ...FEW, limit: '8/hour' }
  for (let n = 0; n < 50; n++) await act(gateway, action, { authorization: 'Bearer guess' })
  await act(gateway, action)
  await act(gateway, { ...action, limit: 'lots' })
  await gateway.gateway.close()
  const all = await gateway.auditLines()
  const lines = all.filter(({ detail }) => !/ more requests? without the token within a second$/.test(detail))
  const summaries = all.filter((line) => !lines.includes(line))
  expect(all.length).toBeLessThan(20)
  const unauthorized =
    lines.length - 2 + summaries.reduce((sum, { detail }) => sum + Number.parseInt(detail, 10), 0)
  expect(unauthorized).toBe(50)
  expect(lines[0]).toMatchObject({ outcome: 'refused', detail: expect.stringContaining('token') })
  expect(lines.at(-2)).toMatchObject({
    outcome: 'done',
    act: action,
    detail: "rule 'few' now has the limit 8/hour",
  })
  expect(lines.at(-1)).toMatchObject({ outcome: 'refused', act: { ...action, limit: 'lots' } })
  expect(lines.at(-1)).toMatchObject({ who: 'admin', act: { reason: 'a test' } })
  expect(lines[0]).not.toHaveProperty('who')
  expect(Date.parse(lines[0].time)).toBeGreaterThan(0)
  expect(JSON.stringify(lines)).not.toContain(TOKEN)
})
