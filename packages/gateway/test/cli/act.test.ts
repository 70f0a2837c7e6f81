import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { echo, send, startTestGateway, startUpstream } from '../server/gateway/running-gateway.js'
import { sluiceWith } from './program.js'

const TOKEN = 'a-token-of-some-length'
const HASH = createHash('sha256').update(TOKEN).digest('hex')

async function startGateway() {
  const { url, adminUrl } = await startTestGateway(
    `identity: { trusted_proxies: [127.0.0.0/8], proxy_headers: { client: X-Client-Id } }
routes: [{ match: POST /predict, limits: [{ name: few, limit: 3/hour, algorithm: fixed-window }] }]`,
    echo,
    `{ listen: 127.0.0.1:0, token_sha256: ${HASH} }`,
  )
  const statusOf = async (client: string) =>
    (await send(url, '/predict', { headers: { 'x-client-id': client } })).status
  const act = (...args: string[]) => run(TOKEN, ...args, '--admin', adminUrl)
  return { adminUrl, statusOf, act }
}

/** Runs `sluice act`. */
async function run(token: string, ...args: string[]) {
  const { output, ended } = sluiceWith({ SLUICE_TOKEN: token }, 'act', ...args)
  const [code] = await ended
  return { code, ...output }
}

describe('sluice act', () => {
  it('blocks and unblocks a client, and lists the block', async () => {
    const { act, statusOf } = await startGateway()
    expect(await act('list')).toMatchObject({ code: 0, out: 'no acts are in effect\n' })
    expect(await act('block', '--client', 'acme', '--for', '1h', '--reason', 'abuse')).toMatchObject({
      code: 0,
      out: expect.stringMatching(/^client acme is blocked until 20\d\d-\S+Z\n$/),
      err: '',
    })
    expect(await statusOf('acme')).toBe(403)
    expect((await act('list')).out).toMatch(
      /^[0-9a-f]{12} {2}client acme is blocked until \S+Z \(admin: abuse\)\nacts end with the gateway; /,
    )
    expect(await act('unblock', '--client', 'acme', '--reason', 'sorry')).toMatchObject({ code: 0 })
    expect(await statusOf('acme')).toBe(200)
  })

  it('overrides a client and a rule, and undoes them', async () => {
    const { act, statusOf } = await startGateway()
    const rule = ['--route', 'POST /predict', '--rule', 'few', '--reason', 'test']
    expect(await act('limit', ...rule, '--limit', '1/hour')).toMatchObject({
      code: 0,
      out: "rule 'few' now has the limit 1/hour\n",
    })
    expect(await act('override', '--client', 'acme', '--scale', '2', '--reason', 'test')).toMatchObject({
      code: 0,
    })
    expect([await statusOf('acme'), await statusOf('acme'), await statusOf('acme')]).toEqual([200, 200, 429])
    expect([await statusOf('umbrella'), await statusOf('umbrella')]).toEqual([200, 429])
    const { acts } = JSON.parse((await act('list', '--json')).out)
    for (const { id } of acts) expect(await act('undo', id, '--reason', 'test')).toMatchObject({ code: 0 })
    expect(await statusOf('umbrella')).toBe(200)
    expect(await act('shadow', ...rule)).toMatchObject({ out: "rule 'few' is now a shadow rule\n" })
    expect(await act('shadow', ...rule, '--off')).toMatchObject({ out: "rule 'few' is now enforced\n" })
    expect(await act('reset', '--key', 'acme', '--reason', 'test')).toMatchObject({
      out: "usage of 'acme' reset for the rule few\n",
    })
  })

  it('exits with 1 if the gateway or the command line is wrong', async () => {
    const { act, adminUrl } = await startGateway()
    expect(await act('block', '--client', 'acme', '--for', 'ever', '--reason', 'r')).toMatchObject({
      code: 1,
      out: '',
      err: expect.stringContaining("sluice: 'for'"),
    })
    expect(await act('block', '--client', 'acme')).toMatchObject({
      code: 1,
      err: expect.stringContaining("required option '--reason <text>'"),
    })
    expect(await act('block', '--reason', 'r')).toMatchObject({
      err: "sluice: write either 'client' or 'address'\n",
    })
    const block = ['block', '--client', 'acme', '--reason', 'r', '--admin']
    expect(await run('', ...block, adminUrl)).toMatchObject({
      code: 1,
      err: expect.stringContaining('SLUICE_TOKEN'),
    })
    const wrong = await run('wrong-token', ...block, adminUrl)
    expect(wrong).toMatchObject({ code: 1, err: expect.stringContaining('admin token required') })
    expect(wrong.err + wrong.out).not.toContain('wrong-token')
    expect(await run(TOKEN, ...block, '127.0.0.1:8081')).toMatchObject({
      code: 1,
      err: expect.stringContaining('--admin must be a URL such as http://127.0.0.1:8081'),
    })
  })

  it('exits with 2 if no gateway responds', async () => {
    const block = ['block', '--client', 'acme', '--reason', 'r', '--admin']
    expect(await run(TOKEN, ...block, 'http://127.0.0.1:1')).toMatchObject({
      code: 2,
      err: expect.stringContaining('does not respond'),
    })
    const other = await startUpstream((_request, response) => response.end('hello'))
    expect(await run(TOKEN, ...block, other)).toMatchObject({
      code: 2,
      err: `sluice: ${other} is not the admin port of a gateway (status 200)\n`,
    })
  })
})
