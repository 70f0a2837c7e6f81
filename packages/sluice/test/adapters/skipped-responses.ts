import { once } from 'node:events'
import type { Socket } from 'node:net'
import { PassThrough } from 'node:stream'
import { describe, expect, it } from 'vitest'
import type { HttpLimitOptions } from '../../src/http/http-limiter.js'
import type { Framework, StartRoutes } from './framework.js'
import { openStream, sendRequest, startRequest, statuses } from './requests.js'
import { asynchronousStore } from './slow-store.js'

const limitOf = (options: Partial<HttpLimitOptions<object>>): HttpLimitOptions<object> => ({
  algorithm: 'fixed-window',
  rules: [{ limit: '2/hour' }],
  ...options,
})

const FAILING = { headers: { 'x-fails': 'yes' } }

/** Tests the options that refund requests by the status of their response. */
export function describeSkippedResponses(start: StartRoutes, { headerOf }: Framework): void {
  const startApp = (options: Partial<HttpLimitOptions<object>>) =>
    start({
      limits: [limitOf(options)],
      handle: ({ request }) => {
        if (headerOf(request, 'x-fails') !== undefined) throw new Error('on purpose')
        return 'fine'
      },
    })

  /** Sends requests until a number of them have been admitted. Refused requests take nothing. */
  const expectAdmitted = async (port: number, count: number, status: number, options: object) => {
    for (let each = 0; each < count; each++)
      await expect.poll(async () => (await sendRequest(port, '/predict', options)).status).toBe(status)
  }

  describe('a limit', () => {
    it.each([
      ['a synchronous store', () => ({})],
      ['an asynchronous store', () => ({ store: asynchronousStore() })],
    ])('with skipFailed counts only requests whose response succeeds, with %s', async (_kind, store) => {
      const port = await startApp({ skipFailed: true, ...store() })
      await expectAdmitted(port, 5, 500, FAILING)
      await expectAdmitted(port, 2, 200, {})
      expect(await statuses(port, '/predict', 2, FAILING)).toEqual([429, 429])
    })

    it('with skipSuccessful counts only requests whose response fails', async () => {
      const port = await startApp({ skipSuccessful: true })
      await expectAdmitted(port, 5, 200, {})
      await expectAdmitted(port, 2, 500, FAILING)
      expect(await statuses(port, '/predict', 2)).toEqual([429, 429])
    })

    it('skips the statuses that a function selects', async () => {
      const seen: number[] = []
      const skipFailed = (status: number) => {
        seen.push(status)
        if (status === 500) throw new Error('on purpose')
        return true
      }
      const port = await startApp({ skipFailed })
      await expectAdmitted(port, 4, 200, {})
      await expectAdmitted(port, 2, 500, FAILING)
      await expect.poll(() => seen).toEqual([200, 200, 200, 200, 500, 500])
      expect(await statuses(port, '/predict', 2)).toEqual([429, 429])
    })

    it('with skipSuccessful refunds a response that its client cuts off', async () => {
      const streams: PassThrough[] = []
      const port = await start({
        limits: [limitOf({ skipSuccessful: true })],
        handle: () => {
          const stream = new PassThrough()
          stream.write('first')
          streams.push(stream)
          return stream
        },
      })
      for (let round = 0; round < 4; round++) {
        let opened: Awaited<ReturnType<typeof openStream>> | undefined
        const open = async () => {
          opened = await openStream(port, '/predict')
          return opened[0]
        }
        await expect.poll(open).toBe(200)
        opened?.[1].destroy()
      }
      await expect.poll(() => streams.every(({ destroyed }) => destroyed)).toBe(true)
    })

    it('counts a request whose client disconnects before the response begins', async () => {
      let fail: (() => void) | undefined
      let socket: Socket | undefined
      const port = await start(
        {
          limits: [limitOf({ skipFailed: true, rules: [{ limit: '1/hour' }] })],
          handle: ({ request }) => {
            socket = socketOf(request)
            return new Promise((_, reject) => {
              fail = () => reject(new Error('on purpose'))
            })
          },
        },
        { path: '/other', limits: [] },
      )
      const leaving = startRequest(port, '/predict')
      leaving.on('error', () => {})
      await expect.poll(() => fail).toBeDefined()
      const closed = socket && once(socket, 'close')
      leaving.destroy()
      // A server without access to its sockets has noticed by the time it has served other requests.
      await (closed ?? statuses(port, '/other', 3))
      fail?.()
      await sendRequest(port, '/other')
      expect(await statuses(port, '/predict', 2)).toEqual([429, 429])
    })

    it('with skipFailed frees the slot of a failed request when its response ends', async () => {
      const port = await start({
        limits: [limitOf({ skipFailed: true, rules: [{ limit: '9/hour' }, { concurrent: 1 }] })],
        handle: () => {
          throw new Error('on purpose')
        },
      })
      await expectAdmitted(port, 4, 500, {})
    })

    it('with skipFailed keeps costs that the handler has settled', async () => {
      const port = await start({
        limits: [limitOf({ skipFailed: true, rules: [{ limit: '100/hour', of: 'tokens', cost: 60 }] })],
        handle: async ({ settle }) => {
          await settle({ tokens: 50 })
          throw new Error('on purpose')
        },
      })
      await expectAdmitted(port, 1, 500, {})
      expect(await statuses(port, '/predict', 2)).toEqual([429, 429])
    })
  })
}

/** Returns the socket of a request of the framework; undefined if it is unknown. */
function socketOf(request: object): Socket | undefined {
  const { socket, raw, req, env } = request as Record<
    string,
    { socket?: Socket; incoming?: { socket: Socket } }
  >
  return (socket as Socket | undefined) ?? raw?.socket ?? req?.socket ?? env?.incoming?.socket
}
