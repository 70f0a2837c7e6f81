import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { keyDigest } from 'sluice/identity'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { ConfigError } from '../../../src/policy/config/load-config.js'
import { parseKeys } from '../../../src/server/identity/keys/keys-file.js'
import { watchKeysFile } from '../../../src/server/identity/keys/keys-file-watch.js'
import { createKey } from './create-key.js'

let folder = ''
let file = ''
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sluice-keys-'))
  file = join(folder, 'keys.yaml')
})
afterEach(() => rm(folder, { recursive: true }))

const DIGEST = keyDigest('a key')

function problemsIn(text: string): string[] {
  try {
    parseKeys(text, 'keys.yaml')
    return []
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    return error.message.split('\n')
  }
}

describe('parseKeys', () => {
  it('maps the digest of each key to its client', () => {
    const keys = parseKeys(`keys:\n  - { sha256: ${DIGEST}, client: acme, tier: premium }\n`, 'keys.yaml')
    expect(keys.lookup(DIGEST)).toEqual({ id: 'acme', tier: 'premium' })
    expect(keys.lookup(keyDigest('another'))).toBeUndefined()
    expect(parseKeys('keys: []', 'keys.yaml').lookup(DIGEST)).toBeUndefined()
  })

  it.each(['', '1', '7', '123456', 'secret', 'password', 'test', 'admin', 'secret\n'])(
    'rejects the digest of %j, which is easy to guess',
    (secret) => {
      const text = `keys: [{ sha256: ${keyDigest(secret).toUpperCase()}, client: acme }]`
      expect(problemsIn(text)).toEqual([expect.stringContaining('that is easy to guess')])
    },
  )

  it.each(['0'.repeat(64), 'f'.repeat(64), 'deadbeef'.repeat(8), '0123456789abcdef'.repeat(4)])(
    'rejects the made-up digest %s',
    (digest) => {
      expect(problemsIn(`keys: [{ sha256: ${digest}, client: acme }]`)).toHaveLength(1)
    },
  )

  it('reads labels and limits', () => {
    const text = `keys:
  - sha256: ${DIGEST}
    client: acme
    labels: { org: acme, models: [big, 'llama-*'] }
    limits: { requests: 100/minute, tokens: 2, concurrent: unlimited }`
    const keys = parseKeys(text, 'keys.yaml')
    expect(keys.lookup(DIGEST)).toEqual({ id: 'acme', labels: { org: 'acme', models: ['big', 'llama-*'] } })
    expect(keys.limits).toMatchObject([
      { client: 'acme', rule: 'requests', override: { limit: '100/minute' } },
      { client: 'acme', rule: 'tokens', override: { scale: 2 } },
      { client: 'acme', rule: 'concurrent', override: { limit: 'unlimited' } },
    ])
  })

  it.each([
    ['labels: { Org: acme }', 'keys.yaml:4:15: the name of a label must be 1 to 64 lower-case letters'],
    ['labels: { tier: gold }', "keys.yaml:4:15: no label can be called 'tier'"],
    ['labels: { org: 7 }', "keys.yaml:4:20: 'org' must be a string of 1 to 256 characters"],
    ['limits: { requests: 10/fortnight }', "keys.yaml:4:25: '10/fortnight': unknown unit 'fortnight'"],
    ['limits: { requests: 0 }', "keys.yaml:4:25: 'requests' must be a limit such as 100/minute"],
  ])('reports %s at its position', (line, message) => {
    const text = `keys:\n  - sha256: ${DIGEST}\n    client: acme\n    ${line}`
    expect(() => parseKeys(text, 'keys.yaml')).toThrow(message)
  })

  it('reports different limits of two keys of one client', () => {
    const entry = (key: string, limit: string) =>
      `  - { sha256: ${keyDigest(key)}, client: acme, limits: { requests: ${limit} } }`
    expect(() =>
      parseKeys(`keys:\n${entry('key one', '1/s')}\n${entry('key two', '2/s')}`, 'keys.yaml'),
    ).toThrow("keys.yaml:3:115: the limit 'requests' of this client differs on line 2")
    expect(
      parseKeys(`keys:\n${entry('key one', '1/s')}\n${entry('key two', '1/s')}`, 'keys.yaml').limits,
    ).toHaveLength(2)
  })

  it('accepts digests in upper case', () => {
    const keys = parseKeys(`keys: [{ sha256: ${DIGEST.toUpperCase()}, client: acme }]`, 'keys.yaml')
    expect(keys.lookup(DIGEST)).toEqual({ id: 'acme' })
  })

  it('does not find an expired key', () => {
    const findWithExpiry = (day: string) =>
      parseKeys(`keys: [{ sha256: ${DIGEST}, client: acme, expires: ${day} }]`, 'keys.yaml').lookup(DIGEST)
    expect(findWithExpiry('2020-01-01')).toBeUndefined()
    expect(findWithExpiry("'2020-01-01T00:00:00Z'")).toBeUndefined()
    expect(findWithExpiry('9999-01-01')).toEqual({ id: 'acme' })
  })

  it.each([
    ['{}', "keys.yaml:1:1: a keys file must contain a 'keys' list"],
    ['keys: yes', "keys.yaml:1:7: 'keys' must be a list of keys"],
    ['keys: [{ client: acme }]', "keys.yaml:1:8: a key must have a 'sha256'"],
    [`keys: [{ sha256: ${DIGEST} }]`, "keys.yaml:1:8: a key must have a 'sha256'"],
    ['keys: [{ sha256: sk_clear, client: a }]', "keys.yaml:1:18: 'sha256' must be the SHA-256 of a key"],
    [`keys: [{ sha256: ${DIGEST}, client: '' }]`, "'client' must be a string of 1 to 256 characters"],
    [`keys: [{ sha256: ${DIGEST}, client: a, expires: tomorrow }]`, "'expires' must be a date (in UTC)"],
    [`keys: [{ sha256: ${DIGEST}, client: a, role: b }]`, "unknown key 'role'"],
    [
      `keys:\n  - { sha256: ${DIGEST}, client: a }\n  - { sha256: ${DIGEST}, client: b }`,
      'keys.yaml:3:5: duplicate key',
    ],
    ['keys: [', 'keys.yaml:1:'],
  ])('reports the problem of %j with its position', (text, problem) => {
    expect(problemsIn(text).join('\n')).toContain(problem)
  })

  it.each([
    ['', ['keys.yaml:1:1: the file is empty; `sluice key new` writes one']],
    ['{}', ["keys.yaml:1:1: a keys file must contain a 'keys' list; `sluice key new` writes one"]],
    ['keys: [{ sha256: sk_clear, client: a }]', [expect.stringContaining('never the key itself')]],
    [
      `keys:\n  - a\n  - { sha256: ${DIGEST}, client: a }\n  - { sha256: ${DIGEST}, client: b }`,
      [
        expect.stringContaining("keys.yaml:2:5: an entry of 'keys' must be a map"),
        'keys.yaml:4:5: duplicate key; remove one of the two',
      ],
    ],
  ])('reports each problem of %j once, with advice', (text, problems) => {
    expect(problemsIn(text)).toEqual(problems)
  })

  it('accepts 5,000 keys and no more', () => {
    const entry = (number: number) =>
      `  - sha256: ${keyDigest(`key ${number}`)}\n    client: c${number}\n    tier: premium\n`
    const fileOf = (keys: number) =>
      `keys:\n${Array.from({ length: keys }, (_, number) => entry(number)).join('')}`
    expect(parseKeys(fileOf(5_000), 'keys.yaml').lookup(keyDigest('key 4999'))).toEqual({
      id: 'c4999',
      tier: 'premium',
    })
    expect(problemsIn(fileOf(5_001)).join()).toContain('5000')
  })

  it('does not repeat a plain-text key that was pasted by mistake', () => {
    expect(problemsIn('keys: [{ sha256: sk_a-secret-that-was-pasted, client: a }]').join()).not.toContain(
      'pasted',
    )
  })
})

describe('createKey', () => {
  it('adds the digest of a new key to the file and preserves other contents', async () => {
    const key = await createKey(file, { client: 'acme', tier: 'premium' })
    expect((await stat(file)).mode & 0o777).toBe(0o600)
    await writeFile(file, `# ours\n${await readFile(file, 'utf8')}`)
    const other = await createKey(file, { client: 'beta', expires: '9999-01-01' })
    const text = await readFile(file, 'utf8')
    expect(text).toContain('# ours')
    expect(text).not.toContain(key)
    expect(text).not.toContain(other)
    const keys = parseKeys(text, file)
    expect(keys.lookup(keyDigest(key))).toEqual({ id: 'acme', tier: 'premium' })
    expect(keys.lookup(keyDigest(other))).toEqual({ id: 'beta' })
  })

  it.each([
    ['an empty file', ''],
    ['white space', ' \n\n'],
    ['comments', '# ours\n  # and theirs\n'],
    ['the marker of an empty document', '---\n'],
    ['a byte order mark', '\uFEFF'],
    ['a comment and a marker', '# ours\n---\n...\n'],
    ['an empty list', '# ours\nkeys:\n'],
    ['a list that is null', 'keys: null\n'],
    ['an empty map', '{}'],
    ['null', 'null\n'],
  ])('adds a key to a file that contains only %s', async (_, text) => {
    await writeFile(file, text)
    const key = await createKey(file, { client: 'acme' })
    const written = await readFile(file, 'utf8')
    expect(parseKeys(written, file).lookup(keyDigest(key))).toEqual({ id: 'acme' })
    if (text.includes('# ours')) expect(written).toMatch(/^# ours\n/)
  })

  it.each(['[]', 'text', 'other:', 'keys: {}'])('does not overwrite a file with %j', async (text) => {
    await writeFile(file, text)
    await expect(createKey(file, { client: 'acme' })).rejects.toThrow()
    expect(await readFile(file, 'utf8')).toBe(text)
  })

  it('loses no key when several are created concurrently', async () => {
    const created = await Promise.all(
      Array.from({ length: 10 }, (_, each) => createKey(file, { client: `c${each}` })),
    )
    const keys = parseKeys(await readFile(file, 'utf8'), file)
    expect(created.map((key) => keys.lookup(keyDigest(key)))).toEqual(
      created.map((_, each) => ({ id: `c${each}` })),
    )
    expect(await readdir(folder)).toEqual(['keys.yaml'])
  })

  it('fails while another process holds the lock of the file', async () => {
    await writeFile(`${file}.lock`, '')
    await expect(createKey(file, { client: 'a' })).rejects.toThrow(`remove ${file}.lock`)
    await expect(stat(file)).rejects.toThrow('ENOENT')
  })

  it('leaves the file unchanged if the file or the new key is invalid', async () => {
    await expect(createKey(file, { client: '' })).rejects.toThrow(
      /^the key was not created: 'client' must be a string of 1 to 256 characters/,
    )
    await expect(createKey(file, { client: 'a', expires: 'soon' })).rejects.toThrow(
      "the key was not created: 'expires' must be a date",
    )
    await expect(stat(file)).rejects.toThrow('ENOENT')
    await writeFile(file, 'keys: none\n')
    await expect(createKey(file, { client: 'a' })).rejects.toThrow(ConfigError)
    expect(await readFile(file, 'utf8')).toBe('keys: none\n')
  })
})

describe('watchKeysFile', () => {
  it('reloads a keys file, and keeps the previous keys while the file is invalid or missing', async () => {
    const messages: string[] = []
    const log = {
      info: (_: object, message: string) => messages.push(message),
      warn: (_: object, message: string) => messages.push(message),
      error: (_: object, message: string) => messages.push(message),
      upstreamFailed() {},
      crashed() {},
    }
    const first = await createKey(file, { client: 'acme' })
    const keys = await watchKeysFile(file, log as Parameters<typeof watchKeysFile>[1])
    try {
      expect(await keys.lookup(keyDigest(first))).toEqual({ id: 'acme' })
      const second = await createKey(file, { client: 'beta' })
      await vi.waitUntil(async () => (await keys.lookup(keyDigest(second))) !== undefined, {
        timeout: 30_000,
      })
      await writeFile(file, 'keys: none')
      await vi.waitUntil(() => messages.some((message) => message.includes('rejected')), { timeout: 30_000 })
      expect(await keys.lookup(keyDigest(second))).toEqual({ id: 'beta' })
      messages.length = 0
      await rm(file)
      await vi.waitUntil(() => messages.some((message) => message.includes('rejected')), { timeout: 30_000 })
      expect(await keys.lookup(keyDigest(second))).toEqual({ id: 'beta' })
      await writeFile(file, 'keys: []')
      await vi.waitUntil(async () => (await keys.lookup(keyDigest(second))) === undefined, {
        timeout: 30_000,
      })
    } finally {
      keys.stop()
    }
  })
})
