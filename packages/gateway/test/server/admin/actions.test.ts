import { createHash } from 'node:crypto'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { Act, Status } from '../../../src/server/admin/api/live-types.js'
import { echo, type Running, running, send } from '../gateway/running-gateway.js'

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

async function acting() {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-audit-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  const audit = join(folder, 'audit.jsonl')
  const gateway = await running(
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

async function act({ adminUrl }: Running, wanted: Act | string, headers: object = {}) {
  const { status, text } = await send(adminUrl, '/api/acts', {
    headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json', ...headers },
    body: typeof wanted === 'string' ? wanted : JSON.stringify(wanted),
  })
  return { status, ...(JSON.parse(text) as { ok?: true; done?: string; error?: string }) }
}

async function rule({ adminUrl }: Running, name: string) {
  const status = (await (await fetch(`${adminUrl}/api/status`)).json()) as Status
  return status.routes[0]?.rules.find((each) => each.rule === name)
}

const predict = async ({ url }: Running) => (await send(url, '/predict')).status

const FEW = { route: 'POST /predict', rule: 'few' }

describe('with the token', () => {
  it('a rule becomes a shadow, and one that refuses again', async () => {
    const gateway = await acting()
    for (const status of [200, 200, 429]) expect(await predict(gateway)).toBe(status)
    expect(await act(gateway, { act: 'shadow', ...FEW, shadow: true })).toEqual({
      status: 200,
      ok: true,
      done: 'few only watches now',
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

  it('a limit is changed, which refills nobody and locks nobody out', async () => {
    const gateway = await acting()
    expect(await predict(gateway)).toBe(200)
    await act(gateway, { act: 'limit', ...FEW, limit: '8/hour' })
    const statuses = []
    for (let n = 0; n < 8; n++) statuses.push(await predict(gateway))
    expect(statuses).toEqual([200, 200, 200, 200, 200, 200, 200, 429])
    expect(await rule(gateway, 'few')).toMatchObject({ limit: '8/hour', overridden: { limit: '2/hour' } })
    await act(gateway, { act: 'limit', route: 'POST /predict', rule: 'slots', limit: '7' })
    expect(await rule(gateway, 'slots')).toMatchObject({ limit: '7 concurrent' })
  })

  it('somebody may begin anew', async () => {
    const gateway = await acting()
    for (const status of [200, 200, 429]) expect(await predict(gateway)).toBe(status)
    const { done } = await act(gateway, { act: 'reset', route: 'POST /predict', key: '127.0.0.1' })
    expect(done).toBe('127.0.0.1 has used nothing of few, slots')
    expect(await predict(gateway)).toBe(200)
  })

  it('resets a client by its id, its address or a part of a key, as it is looked up, on one route or on all', async () => {
    const gateway = await running(
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
    const ask = async (path: string) =>
      (await send(gateway.url, path, { headers: { 'x-client-id': 'acme' } })).status
    const spend = async () => {
      for (const path of ['/predict', '/other']) while ((await ask(path)) !== 429);
    }
    await spend()
    expect(await act(gateway, { act: 'reset', key: 'acme' })).toMatchObject({
      status: 200,
      done: expect.stringMatching(/few.*pair|pair.*few/),
    })
    expect([await ask('/predict'), await ask('/other')]).toEqual([200, 200])

    await spend()
    expect(
      await act(gateway, { act: 'reset', route: 'POST /predict', rule: 'few', key: 'client acme' }),
    ).toMatchObject({
      done: 'client acme has used nothing of few',
    })
    expect([await ask('/predict'), await ask('/other')]).toEqual([200, 429])
    expect(await act(gateway, { act: 'reset', key: 'acm' })).toMatchObject({ status: 404 })
    expect(await act(gateway, { act: 'reset', rule: 'many', key: 'acme' })).toMatchObject({ status: 404 })
    expect(await act(gateway, { act: 'reset', route: 'POST /predict', key: 'unknown' })).toMatchObject({
      status: 404,
    })
  })

  it('a rule that all routes share changes on all of them', async () => {
    const gateway = await acting()
    await act(gateway, { act: 'limit', route: 'POST /predict', rule: 'all', limit: '50/hour' })
    const status = (await (await fetch(`${gateway.adminUrl}/api/status`)).json()) as Status
    const limits = status.routes.map(({ rules }) => rules.find((each) => each.rule === 'all')?.limit)
    expect(limits).toEqual(['50/hour', '50/hour', '50/hour'])
  })

  it('what was changed outlives another configuration, where the rule is still there', async () => {
    const gateway = await acting()
    await act(gateway, { act: 'limit', ...FEW, limit: '8/hour' })
    await act(gateway, { act: 'shadow', ...FEW, shadow: true })
    await gateway.gateway.apply(gateway.configOf(RULES.replace('2/hour', '3/hour')))
    expect(await rule(gateway, 'few')).toMatchObject({
      limit: '8/hour',
      enforced: false,
      overridden: { limit: '3/hour', enforced: true },
    })
    await gateway.gateway.apply(
      gateway.configOf(RULES.replace('limit: 2/hour, algorithm: fixed-window', 'concurrent: 3')),
    )
    expect(await rule(gateway, 'few')).toMatchObject({ limit: '3 concurrent', enforced: true })
  })

  it.each<[Act | string, number, string]>([
    ['no json', 400, 'this is not JSON'],
    ['{"act":"explode"}', 400, 'an act is shadow, limit, reset or undo'],
    ['{"act":"undo","route":"POST /predict","rule":"few","also":1}', 400, 'also'],
    [{ act: 'undo', ...FEW }, 400, "'few' is as the file says"],
    [{ act: 'shadow', ...FEW, route: 'POST /nowhere', shadow: true }, 404, "no route 'POST /nowhere'"],
    [{ act: 'shadow', ...FEW, rule: 'many', shadow: true }, 404, 'it has few, slots, all'],
    [{ act: 'limit', ...FEW, limit: 'lots' }, 400, "'lots'"],
    [{ act: 'limit', ...FEW, limit: '1/minute; 2/hour' }, 400, 'one limit'],
    [{ act: 'limit', ...FEW, rule: 'slots', limit: '5/minute' }, 400, 'a number such as 8'],
    [{ act: 'reset', route: 'POST /predict', rule: 'all', key: 'nobody' }, 404, 'has seen'],
    [`{"act":"undo","route":"${'x'.repeat(5000)}"}`, 413, 'a few words'],
  ])('what cannot be done is refused and changes nothing: %j', async (wanted, status, error) => {
    const gateway = await acting()
    const before = await rule(gateway, 'few')
    const answer = await act(gateway, wanted)
    expect(answer).toMatchObject({ status, error: expect.stringContaining(error) })
    expect(await rule(gateway, 'few')).toEqual(before)
    expect((await gateway.auditLines()).at(-1)).toMatchObject({ outcome: 'refused', from: '127.0.0.1' })
  })
})

describe('without the token', () => {
  it.each([
    ['none', { authorization: '' }, 401],
    ['another', { authorization: `Bearer ${TOKEN}x` }, 401],
    ['its digest', { authorization: `Bearer ${HASH}` }, 401],
    ['it, from a page of another site', { origin: 'http://evil.example' }, 403],
  ])('nothing is changed: %s', async (_, headers, status) => {
    const gateway = await acting()
    expect(await act(gateway, { act: 'shadow', ...FEW, shadow: true }, headers)).toMatchObject({ status })
    expect(await rule(gateway, 'few')).toMatchObject({ enforced: true })
  })

  it('nothing is changed where none is configured', async () => {
    const gateway = await running(RULES)
    const answer = await act(gateway, { act: 'shadow', ...FEW, shadow: true })
    expect(answer).toMatchObject({ status: 403, error: expect.stringContaining('no admin token') })
    expect(await rule(gateway, 'few')).toMatchObject({ enforced: true })
  })

  it('a form of another page is not taken for an act', async () => {
    const gateway = await acting()
    const form = { 'content-type': 'text/plain' }
    expect(await act(gateway, { act: 'shadow', ...FEW, shadow: true }, form)).toMatchObject({ status: 415 })
  })
})

it('the audit log keeps what was done and what was refused, and no flood of strangers', async () => {
  const gateway = await acting()
  const wanted: Act = { act: 'limit', ...FEW, limit: '8/hour' }
  for (let n = 0; n < 50; n++) await act(gateway, wanted, { authorization: 'Bearer guess' })
  await act(gateway, wanted)
  await act(gateway, { ...wanted, limit: 'lots' })
  await gateway.gateway.close()
  const told = await gateway.auditLines()
  const lines = told.filter(({ detail }) => !detail.endsWith('more without the token within a second'))
  const summedUp = told.filter((line) => !lines.includes(line))
  expect(told.length).toBeLessThan(20)
  const strangers =
    lines.length - 2 + summedUp.reduce((sum, { detail }) => sum + Number.parseInt(detail, 10), 0)
  expect(strangers).toBe(50)
  expect(lines[0]).toMatchObject({ outcome: 'refused', detail: expect.stringContaining('token') })
  expect(lines.at(-2)).toMatchObject({ outcome: 'done', act: wanted, detail: 'few is 8/hour now' })
  expect(lines.at(-1)).toMatchObject({ outcome: 'refused', act: { ...wanted, limit: 'lots' } })
  expect(Date.parse(lines[0].time)).toBeGreaterThan(0)
  expect(JSON.stringify(lines)).not.toContain(TOKEN)
})
