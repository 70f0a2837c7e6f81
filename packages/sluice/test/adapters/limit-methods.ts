import { describe, expect, it } from 'vitest'
import type { HttpLimitOptions } from '../../src/http/http-limiter.js'
import { StoreUnavailableError } from '../../src/stores/resilience/store-unavailable.js'
import type { Framework, StartRoutes } from './framework.js'
import { sendRequest, statuses } from './requests.js'
import { asynchronousStore } from './slow-store.js'

type Options = HttpLimitOptions<object>

const fixed = (limit: string, more: Partial<Options> = {}): Options => ({
  algorithm: 'fixed-window',
  rules: [{ limit }],
  ...more,
})

/** Tests the methods of the limits that an adapter creates. */
export function describeLimitMethods(start: StartRoutes, { headerOf }: Framework): void {
  const userOf = (request: object) => headerOf(request, 'x-user')
  const as = (user: string) => ({ headers: { 'x-user': user } })

  describe('the methods of a limit', () => {
    it.each([
      ['a synchronous store', () => ({})],
      ['an asynchronous store', () => ({ store: asynchronousStore() })],
    ])('look at a request without charging it, with %s', async (_kind, store) => {
      const port = await start({
        limits: [],
        byHand: [fixed('2/minute', store())],
        handle: async ({ request, limits: [limit] }) => {
          const looks = [await limit?.peek(request), await limit?.peek(request)]
          const { allowed, quotas } = (await limit?.admit(request)) ?? {}
          return JSON.stringify([...looks.map((look) => look?.allowed), allowed, quotas?.[0]?.remaining])
        },
      })
      const read = async () => JSON.parse((await sendRequest(port, '/predict')).text)
      expect(await read()).toEqual([true, true, true, 1])
      expect(await read()).toEqual([true, true, true, 0])
      expect(await read()).toEqual([false, false, false, 0])
    })

    it('report what a request has used and has left, without its cost and without charging it', async () => {
      const cost = (): number => {
        throw new Error('needs a body')
      }
      const rules = [
        { name: 'user', limit: '4/minute', by: (request: object) => userOf(request) ?? 'none' },
        { name: 'rows', limit: '9/minute', of: 'rows', cost, enforce: false },
        { name: 'broken', limit: '9/minute', by: cost, enforce: false },
      ]
      const port = await start({
        limits: [],
        byHand: [fixed('', { rules })],
        handle: async ({ request, limits: [limit] }) => {
          await limit?.admit(request)
          const first = await limit?.usage(request)
          expect(await limit?.usage(request)).toMatchObject({
            rules: first?.rules.map(({ left }) => ({ left })),
          })
          const numbers = first?.rules.map(({ rule, used, left }) => `${rule} ${used} ${left}`)
          return JSON.stringify([...(numbers ?? []), ...(first?.unknown.map(({ rule }) => rule) ?? [])])
        },
      })
      const read = async (user: string) => JSON.parse((await sendRequest(port, '/predict', as(user))).text)
      expect(await read('one')).toEqual(['user 1 3', 'rows 0 9', 'broken'])
      expect(await read('one')).toEqual(['user 2 2', 'rows 0 9', 'broken'])
      expect(await read('two')).toEqual(['user 1 3', 'rows 0 9', 'broken'])
    })

    it('charge a request once, whether the limit applies before the handler or in it', async () => {
      const port = await start({
        limits: [fixed('3/minute')],
        byHand: [fixed('9/minute', { name: 'by hand' })],
        handle: async ({ request, limits: [first, second] }) => {
          const again = await first?.admit(request)
          const decisions = [await second?.admit(request), await second?.admit(request)]
          return JSON.stringify([again, ...decisions].map((each) => each?.quotas[0]?.remaining))
        },
      })
      expect((await sendRequest(port, '/predict')).text).toBe('[2,8,8]')
      expect((await sendRequest(port, '/predict')).text).toBe('[1,7,7]')
    })

    it('include a request that the handler admitted in its decision and settlement', async () => {
      const port = await start({
        limits: [],
        byHand: [fixed('100/hour', { rules: [{ name: 'used', limit: '100/hour', of: 'tokens', cost: 80 }] })],
        handle: async ({ request, limits: [limit], decision, settle }) => {
          const { allowed } = (await limit?.admit(request)) ?? {}
          await settle({ tokens: 10 })
          return `${allowed} ${decision()?.rule}`
        },
      })
      const texts = []
      for (let each = 0; each < 4; each++) texts.push((await sendRequest(port, '/predict')).text)
      expect(texts).toEqual(['true used', 'true used', 'true used', 'false undefined'])
    })

    it('charge, refund and reset the usage of a request and of a key', async () => {
      const by = (request: object) => userOf(request) ?? 'none'
      const port = await start({
        limits: [fixed('5/minute', { rules: [{ limit: '5/minute', by }] })],
        handle: async ({ request, limits: [limit] }) => {
          const user = userOf(request)
          if (user === 'charged') await limit?.charge(request, 4)
          if (user === 'charging') await limit?.charge('penalized', 9)
          if (user === 'refunded') await limit?.refund(request, 1)
          if (user === 'refunding') await limit?.refund('penalized', 7)
          if (user === 'reset') await limit?.reset(request)
          if (user === 'resetting') await limit?.reset('penalized')
          return 'fine'
        },
      })
      expect(await statuses(port, '/predict', 2, as('charged'))).toEqual([200, 429])
      expect(await statuses(port, '/predict', 7, as('refunded'))).toEqual(Array(7).fill(200))
      expect(await statuses(port, '/predict', 7, as('reset'))).toEqual(Array(7).fill(200))
      await sendRequest(port, '/predict', as('charging'))
      expect(await statuses(port, '/predict', 1, as('penalized'))).toEqual([429])
      await sendRequest(port, '/predict', as('refunding'))
      expect(await statuses(port, '/predict', 4, as('penalized'))).toEqual([200, 200, 200, 429])
      await sendRequest(port, '/predict', as('resetting'))
      expect(await statuses(port, '/predict', 6, as('penalized'))).toEqual([200, 200, 200, 200, 200, 429])
    })

    it('count an anonymous request by its address', async () => {
      const port = await start({
        limits: [fixed('5/minute')],
        handle: async ({ limits: [limit] }) => {
          await limit?.charge('127.0.0.1', 3)
          return 'fine'
        },
      })
      expect(await statuses(port, '/predict', 3)).toEqual([200, 200, 429])
    })

    it('reject with the error of the store', async () => {
      const gone = () => Promise.reject(new StoreUnavailableError('limits', 1500, new Error('gone')))
      const store = { take: gone, peek: gone, settle: gone, reset: gone, close: () => {} }
      const port = await start({
        limits: [],
        byHand: [fixed('5/minute', { store })],
        handle: async ({ request, limits: [limit] }) => {
          const calls = [
            limit?.admit(request),
            limit?.peek(request),
            limit?.usage(request),
            limit?.charge(request, 1),
            limit?.refund(request, 1),
            limit?.reset(request),
          ]
          const results = await Promise.allSettled(calls)
          return results.map((each) => (each.status === 'rejected' ? each.reason.name : 'fine')).join()
        },
      })
      expect((await sendRequest(port, '/predict')).text).toBe(Array(6).fill('StoreUnavailableError').join())
    })
  })
}
