import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { describe, expect, it } from 'vitest'
import type { HttpLimitOptions } from '../../src/http/http-limiter.js'
import type { LimiterEvent } from '../../src/limiter/event.js'
import type { Store } from '../../src/stores/store.js'
import type { StartRoutes } from './framework.js'
import { ask, begin } from './requests.js'
import { asynchronousStore, slowStore } from './slow-store.js'

/** A limit of slots that knows how many were taken and freed. */
function countedSlots(concurrent: number, store?: Store) {
  const slots = { taken: 0, freed: 0 }
  const options: HttpLimitOptions<object> = {
    rules: [{ concurrent, by: 'everyone' }],
    ...(store && { store }),
    listener: ({ type }: LimiterEvent) => {
      if (type === 'allowed') slots.taken++
      if (type === 'released') slots.freed++
    },
  }
  return { slots, options }
}

const REQUEST = 'POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n'

/** A connection, for requests as they are written. */
async function connected(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => {})
  await once(socket, 'connect')
  return socket
}

/** What comes on a connection, so far. */
function textOf(socket: Socket): () => string {
  let text = ''
  socket.setEncoding('latin1').on('data', (data: string) => {
    text += data
  })
  return () => text
}

const forever = () => new Promise<string>(() => {})

/** What becomes of slots when connections end in other ways than requests do. */
export function describeConnections(start: StartRoutes): void {
  const stores: readonly (readonly [when: string, storeOf: () => Store | undefined])[] = [
    ['at once', () => undefined],
    ['later', () => asynchronousStore()],
  ]

  describe.each(stores)('slots that were taken %s', (_when, storeOf) => {
    it('by pipelined requests are free when the connection closes', async () => {
      const { slots, options } = countedSlots(5, storeOf())
      const port = await start({ limits: [options], handle: forever })
      for (const end of ['destroy', 'resetAndDestroy'] as const) {
        const before = slots.taken
        const socket = await connected(port)
        socket.write(REQUEST.repeat(5))
        await expect.poll(() => slots.taken - before).toBe(5)
        socket[end]()
        await expect.poll(() => slots.freed).toBe(slots.taken)
      }
    })

    it('by more requests on one connection than a socket has listeners are free at its end', async () => {
      const { slots, options } = countedSlots(50, storeOf())
      const port = await start({ limits: [options], handle: forever })
      const warnings: string[] = []
      const onWarning = ({ name }: Error) => warnings.push(name)
      process.on('warning', onWarning)
      const socket = await connected(port)
      socket.write(REQUEST.repeat(40))
      await expect.poll(() => slots.taken).toBe(40)
      socket.destroy()
      await expect.poll(() => slots.freed).toBe(40)
      process.off('warning', onWarning)
      expect(warnings).not.toContain('MaxListenersExceededWarning')
    })

    it('are free after each of the answers on a connection that stays open', async () => {
      const { slots, options } = countedSlots(1, storeOf())
      const port = await start({ limits: [options] })
      const socket = await connected(port)
      const received = textOf(socket)
      for (let request = 1; request <= 20; request++) {
        socket.write(REQUEST)
        await expect.poll(() => slots.freed).toBe(request)
      }
      expect(received().match(/HTTP\/1\.1 200/g)).toHaveLength(20)
      socket.destroy()
    })

    it('are free when the client closes its half, since Node ends the connection then', async () => {
      const { slots, options } = countedSlots(2, storeOf())
      const port = await start({ limits: [options], handle: forever })
      const socket = await connected(port)
      socket.end(REQUEST.repeat(2))
      await expect.poll(() => slots).toEqual({ taken: 2, freed: 2 })
    })
  })

  it('holds nothing for a client that goes away while the decision is pending', async () => {
    const store = slowStore()
    const { slots, options } = countedSlots(3, store)
    const port = await start({ limits: [options], handle: forever })
    const socket = await connected(port)
    const request = begin(port, '/predict')
    request.on('error', () => {})
    socket.write(REQUEST.repeat(2))
    await expect.poll(() => store.pending).toBe(3)
    socket.resetAndDestroy()
    request.destroy()
    // The server learns of it in its own time: the slots are free whenever that is.
    store.answer()
    await expect.poll(() => slots).toEqual({ taken: 3, freed: 3 })
  })

  it.each([
    ['before the limit is asked', false],
    ['while the decision is pending', true],
  ])('gives slots back where somebody else answers %s', async (_when, isPending) => {
    const store = slowStore()
    const { slots, options } = countedSlots(1, isPending ? store : undefined)
    let answer: () => void = () => {}
    let isEarly = true
    const port = await start({
      limits: [options],
      before: (answerFirst) => {
        if (!isEarly) return
        if (isPending) answer = answerFirst
        else answerFirst()
      },
    })
    const early = ask(port, '/predict')
    if (isPending) {
      await expect.poll(() => store.pending).toBe(1)
      answer()
    }
    expect(await early).toMatchObject({ status: 503, text: 'answered before' })
    store.answer()
    await expect.poll(() => slots.freed).toBe(slots.taken)
    isEarly = false
    const later = ask(port, '/predict')
    if (isPending) {
      await expect.poll(() => store.pending).toBe(1)
      store.answer()
    }
    expect((await later).status).toBe(200)
  })

  it('leaves an answer alone that somebody else has sent when its request is refused', async () => {
    const store = slowStore()
    let answer: () => void = () => {}
    const port = await start({
      limits: [{ rules: [{ limit: '1/minute', by: 'everyone', cost: 2 }], store }],
      before: (answerFirst) => {
        answer = answerFirst
      },
    })
    const early = ask(port, '/predict')
    await expect.poll(() => store.pending).toBe(1)
    answer()
    expect(await early).toMatchObject({ status: 503, text: 'answered before' })
    store.answer()
    const later = ask(port, '/predict')
    await expect.poll(() => store.pending).toBe(1)
    store.answer()
    expect((await later).status).toBe(429)
  })
}
