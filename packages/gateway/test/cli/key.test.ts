import { createHash } from 'node:crypto'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { echo, send, startTestGateway } from '../server/gateway/running-gateway.js'
import { sluiceWith } from './program.js'

const TOKEN = 'a-token-of-some-length'
const HASH = createHash('sha256').update(TOKEN).digest('hex')
const KEY = /^sluice_[0-9A-Za-z]{49}\n$/

async function run(...args: string[]) {
  const { output, ended } = sluiceWith({ SLUICE_TOKEN: TOKEN }, 'key', ...args)
  const [code] = await ended
  return { code, ...output }
}

async function newFile() {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-keys-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  return join(folder, 'keys.yaml')
}

describe('sluice key', () => {
  it('creates, lists, shows, labels, rotates and revokes keys in a file', async () => {
    const file = await newFile()
    const created = await run(
      ...['new', '--client', 'acme', '--tier', 'gold', '--label', 'team=red', '--label', 'models=a'],
      ...['--label', 'models=b', '--expires', '2099-01-31', '--file', file],
      ...['--limit', 'requests=100/minute', '--limit', 'tokens=2'],
    )
    expect(created).toMatchObject({ code: 0, out: expect.stringMatching(KEY) })
    const id = /ID: ([0-9a-f]{8})/.exec(created.err)?.[1] as string
    const list = await run('list', '--file', file)
    expect(list.out).toMatch(/^ID {8}CLIENT {2}TIER {2}LABELS +CREATED +BY +EXPIRES +LAST USED\n/)
    expect(list.out).toMatch(
      new RegExp(
        `^${id} {2}acme {4}gold {2}team=red models=a,b {2}20\\S+Z {2}\\S.* {2}2099-01-31T00:00Z {2}-$`,
        'm',
      ),
    )
    const rotated = await run('rotate', id, '--grace', '2h', '--file', file, '--json')
    const { key, listed } = JSON.parse(rotated.out)
    expect(`${key}\n`).toMatch(KEY)
    expect(listed).toMatchObject({
      client: 'acme',
      tier: 'gold',
      labels: { team: 'red', models: ['a', 'b'] },
      limits: { requests: '100/minute', tokens: 2 },
    })
    const labelled = await run('label', listed.id, 'team=', 'org=acme', '--file', file)
    expect(labelled.out).toContain('models=a,b org=acme\n')
    const byLabel = await run('list', '--label', 'org=acme', '--file', file, '--json')
    expect(JSON.parse(byLabel.out)).toMatchObject({ id: listed.id })
    expect(await run('revoke', id.slice(0, 6), '--file', file)).toMatchObject({
      code: 0,
      out: `key ${id} of client acme revoked\n`,
    })
    const shown = (await run('show', listed.id, '--file', file)).out
    expect(shown).toContain('client    acme\n')
    expect(shown).toContain('limits    requests=100/minute tokens=2\n')
    const text = await readFile(file, 'utf8')
    for (const secret of [created.out.trim(), key]) expect(text).not.toContain(secret)
  })

  it('explains what is wrong with a command', async () => {
    const file = await newFile()
    await run('new', '--client', 'acme', '--file', file)
    expect(await run('show', '00000000', '--file', file)).toMatchObject({
      code: 1,
      out: '',
      err: expect.stringMatching(/^sluice: there is no key '00000000'; /),
    })
    expect(await run('list', '--file', file, '--admin', 'http://127.0.0.1:9')).toMatchObject({
      code: 1,
      err: 'sluice: write either --file or --admin, not both\n',
    })
    expect((await run('label', '00000000', 'team', '--file', file)).err).toContain('such as team=red')
    expect(await run('list', '--admin', 'http://127.0.0.1:9')).toMatchObject({
      code: 2,
      err: expect.stringContaining('does not respond'),
    })
    expect(
      await run('new', '--client', 'acme', '--limit', 'requests=10/fortnight', '--file', file),
    ).toMatchObject({
      code: 1,
      err: expect.stringContaining(
        "the limit 'requests' is invalid: '10/fortnight': unknown unit 'fortnight'",
      ),
    })
    await writeFile(`${file}.lock`, '')
    expect(await run('revoke', '00000000', '--file', file)).toMatchObject({
      code: 1,
      err: expect.stringContaining(`if none is, remove ${file}.lock`),
    })
  })

  it('uses the keys of a running gateway, whose changes hold at once', async () => {
    const file = await newFile()
    await writeFile(file, 'keys: []\n')
    const { url, adminUrl } = await startTestGateway(
      `identity: { api_keys: ${file} }\ndefault: { limits: [100/minute] }`,
      echo,
      `{ listen: 127.0.0.1:0, token_sha256: ${HASH} }`,
    )
    const on = (...args: string[]) => run(...args, '--admin', adminUrl)
    const statusWith = async (key: string) => (await send(url, '/', { headers: { 'x-api-key': key } })).status
    const created = await on('new', '--client', 'acme', '--reason', 'new customer')
    expect(created).toMatchObject({ code: 0, out: expect.stringMatching(KEY) })
    expect(await statusWith(created.out.trim())).toBe(200)
    const { id } = JSON.parse((await on('list', '--json')).out)
    const rotated = await on('rotate', id, '--grace', '0s', '--reason', 'leaked')
    expect(await statusWith(created.out.trim())).toBe(401)
    expect(await statusWith(rotated.out.trim())).toBe(200)
    expect(await on('revoke', id)).toMatchObject({
      code: 1,
      err: expect.stringContaining("'reason' is required"),
    })
    expect(await on('revoke', id, '--reason', 'leaked')).toMatchObject({ code: 0 })
    expect((await on('list')).out.split('\n')).toHaveLength(3)
    expect((await on('list')).out).toContain('  admin  ')
  })
})
