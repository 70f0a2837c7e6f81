import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ConfigError, type ConfigProblem, parseConfig } from '../../../src/policy/config/load-config.js'
import { restartNeeded } from '../../../src/policy/config/restart-needed.js'
import { withoutPasswords } from '../../../src/policy/config/store-address.js'
import { checkText } from './check-text.js'

const UPSTREAM = 'upstream: http://127.0.0.1:9000'
const read = (text: string) => parseConfig(`${UPSTREAM}\n${text}`, 'gateway.yaml')

function problemsOf(text: string): readonly ConfigProblem[] {
  try {
    read(text)
  } catch (error) {
    if (error instanceof ConfigError) return error.problems
    throw error
  }
  throw new Error(`the file is valid:\n${text}`)
}

describe("the 'store' setting", () => {
  it.each([
    ['memory', { kind: 'memory', maxKeys: 1_000_000 }],
    ['{ memory: {} }', { kind: 'memory', maxKeys: 1_000_000 }],
    ['{ memory: { max_keys: 5 } }', { kind: 'memory', maxKeys: 5 }],
    ['redis://host', { kind: 'redis', url: 'redis://host' }],
    ['redis://host:6379/0', { kind: 'redis', url: 'redis://host:6379/0' }],
    ['rediss://me:s3cret@host', { kind: 'redis', url: 'rediss://me:s3cret@host' }],
    ['"redis://[::1]:7000"', { kind: 'redis', url: 'redis://[::1]:7000' }],
    ['redis+cluster://a:1,b:2', { kind: 'redis', url: 'redis+cluster://a:1,b:2' }],
    ['rediss+cluster://a', { kind: 'redis', url: 'rediss+cluster://a' }],
    ['redis+sentinel://a,b:1/primary/2', { kind: 'redis', url: 'redis+sentinel://a,b:1/primary/2' }],
    ['memcached://host', { kind: 'memcached', url: 'memcached://host' }],
    ['memcached://host:11211', { kind: 'memcached', url: 'memcached://host:11211' }],
  ])('accepts %s', (written, store) => {
    expect(read(`store: ${written}`).store).toEqual(store)
  })

  /** Each file has one problem, at `¦`. */
  it.each([
    [
      'redis alone',
      '¦redis',
      "'store' must be one of memory, { memory: { max_keys: 1_000_000 } }, redis://host:6379/0",
    ],
    ['Memory with a capital letter', '¦Memory', "memcached://host:11211; not 'Memory'"],
    ['an empty value', '¦~', 'memcached://host:11211; not an empty value'],
    ['a port alone', '¦6379', 'memcached://host:11211; not 6379'],
    ['a list', '¦[redis://a, redis://b]', 'memcached://host:11211; not a list'],
    ['an unsupported database', '¦postgres://me:s3cret@host/db', 'not a URL that begins with postgres://'],
    ['a misspelled scheme', '¦reddis://me:s3cret@host', 'not a URL that begins with reddis://'],
    ['a URL without its scheme', '¦me:s3cret@host:6379', 'memcached://host:11211; not this string'],
    [
      'a map with an unknown key',
      '¦{ redis: redis://me:s3cret@host }',
      "as a map, 'store' can only have the key 'memory'",
    ],
    ['a map with two keys', '¦{ memory: {}, redis: a }', "as a map, 'store' can only have the key 'memory'"],
    ['a URL as a key', '¦{ redis://me:s3cret@host }', 'a URL must be written without a key'],
    ['an empty map', '¦{}', "as a map, 'store' can only have the key 'memory'"],
    [
      'a memory store for 0 keys',
      '{ memory: { max_keys: ¦0 } }',
      "'max_keys' must be a whole number from 1 to 16000000, not 0",
    ],
    [
      'a number instead of memory options',
      '{ memory: ¦1000 }',
      "'memory' must be a map such as { max_keys: 1_000_000 }, not 1000",
    ],
    ['a key in camel case', '{ memory: { ¦maxKeys: 5 } }', "did you mean 'max_keys'?"],
    [
      'a URL without slashes',
      '¦redis:me:s3cret@host',
      'not the URL of a Redis server; write redis://host:6379/0',
    ],
    ['a Redis URL with a query', '¦redis://me:s3cret@host?db=1', 'not the URL of a Redis server'],
    ['an unknown topology', '¦redis+ring://me:s3cret@a', 'not the URL of a Redis server'],
    [
      'a Redis port out of range',
      '¦redis://me:s3cret@host:70000',
      'a host of a Redis URL must be a host name or IP address',
    ],
    [
      'a password with a slash',
      '¦redis://:s3cret/x@host:6379',
      'a host of a Redis URL must be a host name or IP address',
    ],
    [
      'a password with a slash, and a user',
      '¦redis://me:s3cret/x@host',
      'a host of a Redis URL must be a host name or IP address',
    ],
    [
      'a password with a percent sign',
      '¦redis://:s3cret%@host',
      "a '%' in a Redis URL must be written as %25",
    ],
    [
      'several hosts without a topology',
      '¦redis://:s3cret@a,b',
      'write redis+cluster:// or redis+sentinel://',
    ],
    ['a database that is not a number', '¦redis://:s3cret@a/main', 'the number of a database'],
    ['a database number for a cluster', '¦redis+cluster://:s3cret@a/1', 'a cluster only has database 0'],
    [
      'Sentinels without the name of the primary',
      '¦redis+sentinel://:s3cret@a',
      'must end with the name of the primary',
    ],
    [
      'a Memcached port out of range',
      '¦memcached://host:0',
      'the port must be a number from 1 to 65535, not 0',
    ],
    ['two Memcached servers', '¦memcached://a,b', 'the store uses a single server'],
    ['a user for Memcached', '¦memcached://me:s3cret@host', 'user names and passwords are not supported'],
    ['a Memcached URL with a path', '¦memcached://host/0', 'not the URL of a Memcached server'],
    ['an abbreviated memcached scheme', '¦memcache://host', 'not a URL that begins with memcache://'],
  ])('rejects %s, and reports its position but no password', async (_, written, message) => {
    const marked = `store: ${written}`
    const problems = problemsOf(marked.replace('¦', ''))
    expect(problems).toEqual([
      { line: 2, column: marked.indexOf('¦') + 1, message: expect.stringContaining(message) },
    ])
    expect(JSON.stringify(problems)).not.toMatch(/s3cret|\bme\b/)
    const { err } = await checkText(`${UPSTREAM}\n${marked.replace('¦', '')}`)
    expect(err).toContain(message)
    expect(err).not.toContain('s3cret')
  })
})

describe("the 'on_store_failure' setting", () => {
  it.each([
    ['local', { policy: 'local' }],
    ['open', { policy: 'open' }],
    ['closed', { policy: 'closed' }],
    ['{}', { policy: 'local' }],
    ['{ peers: 4 }', { policy: 'local', peers: 4 }],
    ['{ policy: closed, deadline: 250ms, failures: 3 }', { policy: 'closed', deadline: 250, failures: 3 }],
    [
      '{ policy: local, peers: 1_000, max_keys: 2_000, max_waiting: 5 }',
      { policy: 'local', peers: 1000, maxKeys: 2000, maxWaiting: 5 },
    ],
  ])('accepts %s', (written, failure) => {
    expect(read(`store: redis://host\non_store_failure: ${written}`).onStoreFailure).toEqual(failure)
  })

  it('defaults to local, and is accepted with the memory store', () => {
    expect(read('store: redis://host').onStoreFailure).toEqual({ policy: 'local' })
    expect(read('store: memory\non_store_failure: closed').onStoreFailure).toEqual({ policy: 'closed' })
  })

  it.each([
    ['an unknown policy', '¦fail', "'on_store_failure' must be local, open or closed, not 'fail'"],
    ['a misspelled policy', '¦close', "did you mean 'closed'?"],
    ['an empty value', '¦~', "'on_store_failure' must be local, open or closed, or a map"],
    ['a list', '¦[local]', "'on_store_failure' must be local, open or closed, or a map"],
    ['a boolean', '¦true', "'on_store_failure' must be local, open or closed, or a map"],
    ['an unknown policy in a map', '{ policy: ¦fail }', "'policy' must be local, open or closed, not 'fail'"],
    ['a misspelled key', '{ ¦peer: 4 }', "did you mean 'peers'?"],
    ['0 peers', '{ peers: ¦0 }', "'peers' must be a whole number from 1 to 1000000, not 0"],
    ['a fractional number of peers', '{ peers: ¦1.5 }', "'peers' must be a whole number"],
    ['peers with the policy open', '{ policy: open, ¦peers: 4 }', "'peers' requires 'policy: local'"],
    [
      'max_keys with the policy closed',
      '{ policy: closed, ¦max_keys: 4 }',
      "'max_keys' requires 'policy: local'",
    ],
    ['a deadline without a unit', '{ deadline: ¦100 }', 'a duration with a unit'],
    [
      'a deadline that is too long',
      '{ deadline: ¦2 minutes }',
      "'deadline' must be between 1 ms and 60000 ms, not 120000",
    ],
    [
      'a deadline that is too short',
      '{ deadline: ¦0.5ms }',
      "'deadline' must be between 1 ms and 60000 ms, not 0.5",
    ],
    ['0 failures', '{ failures: ¦0 }', "'failures' must be a whole number from 1 to 1000, not 0"],
    ['a negative max_waiting', '{ max_waiting: ¦-1 }', "'max_waiting' must be a whole number"],
  ])('rejects %s, and reports its position', (_, written, message) => {
    const marked = `on_store_failure: ${written}`
    expect(problemsOf(marked.replace('¦', ''))).toEqual([
      { line: 2, column: marked.indexOf('¦') + 1, message: expect.stringContaining(message) },
    ])
  })
})

describe('a password in the URL of a store', () => {
  it('is hidden in the output of check for a valid file', async () => {
    const store = 'rediss+cluster://me:s3cret@a:1,b:2'
    const { out } = await checkText(`${UPSTREAM}\nstore: ${store}\non_store_failure: { peers: 3 }\n`)
    expect(out).toContain('store rediss+cluster://a:1,b:2, local while unavailable, limits divided by 3\n')
    expect(out).not.toMatch(/s3cret|\bme\b/)
  })

  it('is hidden in the excerpt of another problem without moving the caret', async () => {
    const line = `{ store: "redis://me:s3cret@host", ${UPSTREAM}, lisen: 1 }`
    const { err } = await checkText(line)
    const [, source = '', caret = ''] = err.split('\n')
    expect(source).toContain('"redis://*********@host"')
    expect(source.slice(caret.indexOf('^'))).toMatch(/^lisen/)
  })

  it('is hidden under a misspelled key and in an incomplete URL', async () => {
    for (const text of [
      'stroe: redis://me:s3cret@host',
      'store: "redis://:s3cret',
      'stroe: "redis://:s3cret\n  more@host"',
      'uptsream: http://me:s3cret@host',
    ]) {
      expect((await checkText(`${UPSTREAM}\n${text}`)).err).not.toContain('s3cret')
    }
  })

  it('is hidden like the secret of a webhook, in errors and in the description', async () => {
    const webhook = (secret: string) => `{ url: 'https://a.example/hook?token=s3cret', secret: ${secret} }`
    for (const text of [
      webhook('s3cret'),
      webhook('s3cret-s3cret-s3cret'),
      `{ secret: "s3cret-s3cret-s3cret" }`,
    ]) {
      const { err } = await checkText(`${UPSTREAM}\nlisen: 1\nwebhooks: [${text}]`)
      expect(err).not.toMatch(/(?<!token=)s3cret/)
    }
    const { out } = await checkText(`${UPSTREAM}\nwebhooks: [${webhook('s3cret-s3cret-s3cret')}]\n`)
    expect(out).toContain('thresholds are sent to https://a.example/hook\n')
    expect(out).not.toContain('s3cret')
  })

  it('is the only part of a line that is replaced', () => {
    for (const line of [
      'upstream: http://127.0.0.1:9000',
      'store: redis+cluster://a:1,b:2',
      '      - { limit: 10/minute; 5/s, by: [ip, "header:x-a"], cost: "size(body.a) > 1 ? 10 : 1" } # me@host',
    ]) {
      expect(withoutPasswords(line)).toBe(line)
    }
  })

  it('is replaced with asterisks whatever characters it contains', () => {
    const password = fc
      .string({ minLength: 4, unit: 'grapheme-ascii' })
      .filter((text) => !/^[\s*]*$/.test(text))
    fc.assert(
      fc.property(
        fc.constantFrom('redis', 'rediss+cluster', 'memcached', 'reddis'),
        password,
        (scheme, secret) => {
          const line = `store: '${scheme}://me:${secret}@host:6379/0'`
          const shown = withoutPasswords(line)
          expect(shown).toBe(`store: '${scheme}://${'*'.repeat(secret.length + 3)}@host:6379/0'`)
        },
      ),
      { seed: 20261124 },
    )
  })

  it('is hidden in the message that a restart is required', () => {
    const before = read('store: redis://me:s3cret@host')
    const after = read('store: redis://me:s3cretly@host\non_store_failure: open')
    expect(restartNeeded(before, after)).toBe(
      "changes to 'store' and 'on_store_failure' require a restart; no change in the file was applied",
    )
    expect(restartNeeded(before, read('store: redis://me:s3cret@host'))).toBeUndefined()
  })
})
