import { describe, expect, it } from 'vitest'
import type { HttpLimitOptions } from '../../src/http/http-limiter.js'
import type { StartRoutes } from './framework.js'
import { sendRequest } from './requests.js'
import { asynchronousStore } from './slow-store.js'

type Options = HttpLimitOptions<object>

/** Thrown values, most of which are not errors. Some of them tell a framework to continue. */
const THROWN = [undefined, null, 'route', 'router', '', 0, false, { status: 200 }, new Error('on purpose')]

const circular: { self?: object } = {}
circular.self = circular

const UNSENDABLE: readonly (readonly [what: string, response: () => unknown])[] = [
  ['a line break in a header', () => ({ headers: { 'x-why': 'a\nb' }, body: '' })],
  [
    'a line break that adds another header',
    () => ({ headers: { 'x-why': 'a\r\nset-cookie: b=c' }, body: '' }),
  ],
  ['a character that is invalid in a header', () => ({ headers: { 'x-why': '€' }, body: '' })],
  ['an invalid header name', () => ({ headers: { 'x why': 'a' }, body: '' })],
  ['an empty header name', () => ({ headers: { '': 'a' }, body: '' })],
  ['an object as a header', () => ({ headers: { 'x-why': { a: 1 } }, body: '' })],
  ['an object in the list of a header', () => ({ headers: { 'x-why': ['a', {}] }, body: '' })],
  ['a status below the valid range', () => ({ status: 99, body: '' })],
  ['a status above the valid range', () => ({ status: 1000, body: '' })],
  ['an informational status', () => ({ status: 103, body: '' })],
  ['a status that is a string', () => ({ status: '429', body: '' })],
  ['a status that is not a number', () => ({ status: Number.NaN, body: '' })],
  ['a body that refers to itself', () => ({ body: circular })],
  ['a body with a BigInt', () => ({ body: { left: 1n } })],
  ['a body that is a function', () => ({ body: () => {} })],
  ['a missing body', () => ({})],
  ['undefined', () => undefined],
  ['null', () => null],
  ['a string', () => 'slow down'],
]

/** Tests that every adapter passes errors of the user's functions to the framework. */
export function describeFailures(start: StartRoutes): void {
  const stores = [
    ['a synchronous store', () => ({})],
    ['an asynchronous store', () => ({ store: asynchronousStore() })],
  ] as const
  const everyone = { limit: '1/minute', by: 'everyone' as const }

  describe.each(stores)('an app with custom functions and %s', (_kind, store) => {
    it("responds with 500 if 'refuse' returns an invalid response, and keeps running", async () => {
      let makeResponse: () => unknown = () => undefined
      const refuse = () => makeResponse() as { body: string }
      const port = await start(
        { limits: [{ rules: [everyone], ...store(), refuse }], handle: () => 'was handled' },
        { path: '/other', limits: [], handle: () => 'alive' },
      )
      expect((await sendRequest(port, '/predict')).status).toBe(200)
      for (const [what, make] of UNSENDABLE) {
        for (const variant of [make, () => Promise.resolve(make()), () => Promise.reject(make())]) {
          makeResponse = variant
          const { status, text, headers } = await sendRequest(port, '/predict')
          expect([what, status]).toEqual([what, 500])
          expect(text).not.toContain('was handled')
          expect(headers['set-cookie']).toBeUndefined()
        }
      }
      expect((await sendRequest(port, '/other')).text).toBe('alive')
    })

    it.each(THROWN.map((thrown) => [thrown]))('admits no request if a function throws %j', async (thrown) => {
      const throws = () => {
        throw thrown
      }
      const rejects = async () => {
        throw thrown
      }
      const failing: Options[] = [throws, rejects].flatMap((fails) => [
        { rules: [everyone], client: fails },
        { rules: [everyone], identify: fails },
        { rules: [everyone], require: fails },
        { rules: [{ limit: '1/minute', by: fails }] },
        { rules: [{ limit: '1/minute', by: ['everyone', fails] }] },
        { rules: [{ ...everyone, cost: fails }] },
        { rules: [{ ...everyone, limit: fails }] },
        { rules: [{ concurrent: fails, by: 'everyone' }] },
        { rules: [{ ...everyone, cost: 2 }], refuse: fails },
      ])
      let handled = 0
      const routes = failing.map((options, index) => ({
        path: `/predict-${index}`,
        limits: [{ ...options, ...store() }],
        handle: () => `was handled ${++handled}`,
      }))
      const port = await start(...routes)
      for (const { path } of routes) {
        const { status, text } = await sendRequest(port, path)
        expect([path, status]).toEqual([path, 500])
        expect(text).not.toContain('was handled')
      }
      expect(handled).toBe(0)
    })

    it("sends the response that 'refuse' resolves to, with its status and headers", async () => {
      const responses = [
        { status: 204, body: 'not sent' },
        { status: 302, headers: { location: 'https://example.com/plans' }, body: '' },
        { status: 429, headers: { 'x-list': ['a', 'b'], 'x-none': undefined, 'x-number': 7 }, body: 'calm' },
        {
          status: 429,
          headers: { 'set-cookie': ['a=1', 'b=2'], 'content-length': '5', 'transfer-encoding': 'chunked' },
          body: 'longer than five',
        },
        { status: 200, body: { data: null, errors: [] } },
      ]
      const remaining = [...responses]
      const refuse = async () => remaining.shift() as { body: string }
      const port = await start({ limits: [{ rules: [everyone], ...store(), refuse }] })
      await sendRequest(port, '/predict')
      const seen = []
      for (const _ of responses) seen.push(await sendRequest(port, '/predict'))
      expect(seen.map(({ status, text }) => [status, text])).toEqual([
        [204, ''],
        [302, ''],
        [429, 'calm'],
        [429, 'longer than five'],
        [200, '{"data":null,"errors":[]}'],
      ])
      expect(seen[1]?.headers.location).toBe('https://example.com/plans')
      expect([seen[2]?.headers['x-list'], seen[2]?.headers['x-number']]).toEqual(['a, b', '7'])
      expect(seen[3]?.headers['set-cookie']).toEqual(['a=1', 'b=2'])
      for (const { headers } of seen) expect(headers['retry-after']).toBeDefined()
    })
  })

  it('ignores a listener that throws or rejects', async () => {
    const listeners = [
      () => {
        throw new Error('on purpose')
      },
      () => Promise.reject(new Error('on purpose')) as never,
    ]
    for (const listener of listeners) {
      const port = await start({ limits: [{ rules: [{ concurrent: 4 }], listener }] })
      for (let request = 0; request < 3; request++)
        expect((await sendRequest(port, '/predict')).status).toBe(200)
    }
  })
}
