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
  throw new Error(`it was taken:\n${text}`)
}

describe('a store', () => {
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
  ])('is read from %s', (written, store) => {
    expect(read(`store: ${written}`).store).toEqual(store)
  })

  /** Each has one problem, whose place is marked with `¦`. */
  it.each([
    [
      'a word',
      '¦redis',
      "'store' must be one of memory, { memory: { max_keys: 1_000_000 } }, redis://host:6379/0",
    ],
    ['a word that is near', '¦Memory', "memcached://host:11211; not 'Memory'"],
    ['nothing', '¦~', 'memcached://host:11211; not an empty value'],
    ['a port', '¦6379', 'memcached://host:11211; not 6379'],
    ['a list', '¦[redis://a, redis://b]', 'memcached://host:11211; not a list'],
    ['another database', '¦postgres://me:s3cret@host/db', 'not a URL that begins with postgres://'],
    ['a typo in a scheme', '¦reddis://me:s3cret@host', 'not a URL that begins with reddis://'],
    ['a URL without its scheme', '¦me:s3cret@host:6379', 'memcached://host:11211; not this string'],
    [
      'a map of something else',
      '¦{ redis: redis://me:s3cret@host }',
      "'store' as a map has only the key 'memory'",
    ],
    ['two in a map', '¦{ memory: {}, redis: a }', "'store' as a map has only the key 'memory'"],
    ['a URL as a key', '¦{ redis://me:s3cret@host }', 'a URL is written without a key'],
    ['an empty map', '¦{}', "'store' as a map has only the key 'memory'"],
    [
      'no room',
      '{ memory: { max_keys: ¦0 } }',
      "'max_keys' must be a whole number from 1 to 16000000, not 0",
    ],
    [
      'no map of memory',
      '{ memory: ¦1000 }',
      "'memory' must be a map such as { max_keys: 1_000_000 }, not 1000",
    ],
    ['a word of code', '{ memory: { ¦maxKeys: 5 } }', "did you mean 'max_keys'?"],
    ['no slashes', '¦redis:me:s3cret@host', 'this is no URL of a Redis server; write redis://host:6379/0'],
    ['a query', '¦redis://me:s3cret@host?db=1', 'this is no URL of a Redis server'],
    ['no topology', '¦redis+ring://me:s3cret@a', 'this is no URL of a Redis server'],
    ['no port of Redis', '¦redis://me:s3cret@host:70000', 'a host of a Redis URL is a name or an address'],
    [
      'a password with a slash',
      '¦redis://:s3cret/x@host:6379',
      'a host of a Redis URL is a name or an address',
    ],
    [
      'a password with a slash, and a user',
      '¦redis://me:s3cret/x@host',
      'a host of a Redis URL is a name or an address',
    ],
    ['a password with a percent sign', '¦redis://:s3cret%@host', "a '%' in a Redis URL is written %25"],
    ['several hosts', '¦redis://:s3cret@a,b', 'write redis+cluster:// or redis+sentinel://'],
    ['no number of a database', '¦redis://:s3cret@a/main', 'the number of a database'],
    ['a database of a cluster', '¦redis+cluster://:s3cret@a/1', 'a cluster has no database but 0'],
    ['no name of a primary', '¦redis+sentinel://:s3cret@a', 'ends with the name of the primary'],
    ['no port of Memcached', '¦memcached://host:0', 'a port is a number from 1 to 65535, not 0'],
    ['two Memcacheds', '¦memcached://a,b', 'state lies on one server'],
    ['a user of Memcached', '¦memcached://me:s3cret@host', 'it takes no user and no password'],
    ['a path of Memcached', '¦memcached://host/0', 'this is no URL of a Memcached server'],
    ['Memcached in short', '¦memcache://host', 'not a URL that begins with memcache://'],
  ])('is not %s', async (_, written, message) => {
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

describe('what decides while the store does not answer', () => {
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
  ])('is read from %s', (written, failure) => {
    expect(read(`store: redis://host\non_store_failure: ${written}`).onStoreFailure).toEqual(failure)
  })

  it('is local where nothing is said, and may be said of memory too', () => {
    expect(read('store: redis://host').onStoreFailure).toEqual({ policy: 'local' })
    expect(read('store: memory\non_store_failure: closed').onStoreFailure).toEqual({ policy: 'closed' })
  })

  it.each([
    ['no policy', '¦fail', "'on_store_failure' must be local, open or closed, not 'fail'"],
    ['a typo', '¦close', "did you mean 'closed'?"],
    ['nothing', '¦~', "'on_store_failure' must be local, open or closed, or a map"],
    ['a list', '¦[local]', "'on_store_failure' must be local, open or closed, or a map"],
    ['true', '¦true', "'on_store_failure' must be local, open or closed, or a map"],
    ['no policy in a map', '{ policy: ¦fail }', "'policy' must be local, open or closed, not 'fail'"],
    ['an unknown word', '{ ¦peer: 4 }', "did you mean 'peers'?"],
    ['no peers', '{ peers: ¦0 }', "'peers' must be a whole number from 1 to 1000000, not 0"],
    ['half a peer', '{ peers: ¦1.5 }', "'peers' must be a whole number"],
    ['peers of nobody', '{ policy: open, ¦peers: 4 }', "'peers' requires 'policy: local'"],
    ['keys of nobody', '{ policy: closed, ¦max_keys: 4 }', "'max_keys' requires 'policy: local'"],
    ['no unit of time', '{ deadline: ¦100 }', 'a duration with a unit'],
    ['too long a time', '{ deadline: ¦2 minutes }', "'deadline' is between 1 ms and 60000 ms, not 120000"],
    ['too short a time', '{ deadline: ¦0.5ms }', "'deadline' is between 1 ms and 60000 ms, not 0.5"],
    ['no failures', '{ failures: ¦0 }', "'failures' must be a whole number from 1 to 1000, not 0"],
    ['nothing that waits', '{ max_waiting: ¦-1 }', "'max_waiting' must be a whole number"],
  ])('is not %s', (_, written, message) => {
    const marked = `on_store_failure: ${written}`
    expect(problemsOf(marked.replace('¦', ''))).toEqual([
      { line: 2, column: marked.indexOf('¦') + 1, message: expect.stringContaining(message) },
    ])
  })
})

describe('a password', () => {
  it('is not shown by a check that finds nothing wrong', async () => {
    const store = 'rediss+cluster://me:s3cret@a:1,b:2'
    const { out } = await checkText(`${UPSTREAM}\nstore: ${store}\non_store_failure: { peers: 3 }\n`)
    expect(out).toContain(
      'store rediss+cluster://a:1,b:2, local while it does not respond, limits divided by 3\n',
    )
    expect(out).not.toMatch(/s3cret|\bme\b/)
  })

  it('is not shown beside another mistake, whose place stays marked', async () => {
    const line = `{ store: "redis://me:s3cret@host", ${UPSTREAM}, lisen: 1 }`
    const { err } = await checkText(line)
    const [, source = '', caret = ''] = err.split('\n')
    expect(source).toContain('"redis://*********@host"')
    expect(source.slice(caret.indexOf('^'))).toMatch(/^lisen/)
  })

  it('is not shown where it stands under a wrong name or is cut', async () => {
    for (const text of [
      'stroe: redis://me:s3cret@host',
      'store: "redis://:s3cret',
      'stroe: "redis://:s3cret\n  more@host"',
      'uptsream: http://me:s3cret@host',
    ]) {
      expect((await checkText(`${UPSTREAM}\n${text}`)).err).not.toContain('s3cret')
    }
  })

  it('hides nothing of a line that has none', () => {
    for (const line of [
      'upstream: http://127.0.0.1:9000',
      'store: redis+cluster://a:1,b:2',
      '      - { limit: 10/minute; 5/s, by: [ip, "header:x-a"], cost: "size(body.a) > 1 ? 10 : 1" } # me@host',
    ]) {
      expect(withoutPasswords(line)).toBe(line)
    }
  })

  it('is not in any line of a file, whatever it is made of', () => {
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

  it('is not shown where a change of it needs a restart', () => {
    const before = read('store: redis://me:s3cret@host')
    const after = read('store: redis://me:s3cretly@host\non_store_failure: open')
    expect(restartNeeded(before, after)).toBe(
      "a change of 'store' and 'on_store_failure' requires a restart; no other change of the file was applied either",
    )
    expect(restartNeeded(before, read('store: redis://me:s3cret@host'))).toBeUndefined()
  })
})
