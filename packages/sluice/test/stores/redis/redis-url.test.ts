import { describe, expect, it } from 'vitest'
import { redisStore } from '../../../src/stores/redis/index.js'
import { parseRedisUrl } from '../../../src/stores/redis/redis-url.js'

describe('parseRedisUrl', () => {
  it.each([
    [
      'redis://localhost',
      { kind: 'standalone', tls: false, nodes: [{ host: 'localhost', port: 6379 }], db: 0 },
    ],
    ['redis://127.0.0.1:7000/3', { nodes: [{ host: '127.0.0.1', port: 7000 }], db: 3 }],
    ['rediss://[::1]:7000', { tls: true, nodes: [{ host: '::1', port: 7000 }] }],
    ['redis://:p%40ss@h', { username: undefined, password: 'p@ss' }],
    ['redis://me:a:b@h', { username: 'me', password: 'a:b' }],
    [
      'redis+cluster://a:1,b',
      {
        kind: 'cluster',
        nodes: [
          { host: 'a', port: 1 },
          { host: 'b', port: 6379 },
        ],
      },
    ],
    ['rediss+cluster://a', { kind: 'cluster', tls: true }],
    [
      'redis+sentinel://me:pw@a,b:1/primary/2',
      {
        kind: 'sentinel',
        nodes: [
          { host: 'a', port: 26_379 },
          { host: 'b', port: 1 },
        ],
        name: 'primary',
        db: 2,
      },
    ],
  ])('parses %s', (url, address) => {
    expect(parseRedisUrl(url)).toMatchObject(address)
  })

  it.each([
    'http://localhost',
    'redis:/localhost',
    'redis://a,b',
    'redis://a:0',
    'redis://a:70000',
    'redis://a/x',
    'redis://a/1/2',
    'redis+cluster://a/1',
    'redis+sentinel://a',
    'redis://a%zz@h',
    'redis://h?db=1',
  ])('rejects %s', (url) => {
    expect(() => parseRedisUrl(url)).toThrow(TypeError)
  })

  it.each(['redis://me:secret@h?x', 'redis://:secret/x@h', 'redis://me:secret/x@h', 'redis://:secret@h:0'])(
    'does not repeat the password of an invalid URL: %s',
    (url) => {
      expect(() => parseRedisUrl(url)).toThrow(/^(?!.*secret)/)
    },
  )
})

describe('redisStore', () => {
  it.each([
    [null],
    [{}],
    [{ client: {} }],
    [{ client: null }],
    [{ url: 'redis://h', client: {} }],
    [{ url: 'redis://h', prefix: 1 }],
    [{ url: 'redis://h', keyPrefix: 'x' }],
    [{ url: 7 }],
  ])('rejects the options %j', (options) => {
    expect(() => redisStore(options as never)).toThrow(TypeError)
  })

  it('rejects calls after it is closed', async () => {
    const store = redisStore('redis://127.0.0.1:1')
    await store.close()
    await expect(store.reset('a', 'b')).rejects.toThrow('closed')
  })
})
