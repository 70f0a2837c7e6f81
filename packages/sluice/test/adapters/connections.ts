import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { describe, expect, it } from 'vitest'
import type { HttpLimitOptions } from '../../src/http/http-limiter.js'
import type { LimiterEvent } from '../../src/limiter/event.js'
import type { Store } from '../../src/stores/store.js'
import type { StartRoutes } from './framework.js'
import { sendRequest, startRequest } from './requests.js'
import { asynchronousStore, slowStore } from './slow-store.js'

/** Creates options with a concurrency rule, and counts the slots that are taken and freed. */
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

/** Opens a connection for raw requests. */
async function connected(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => {})
  await once(socket, 'connect')
  return socket
}

/** Collects the data that a connection receives. Call the result for the data so far. */
function collectData(socket: Socket): () => string {
  let text = ''
  socket.setEncoding('latin1').on('data', (data: string) => {
    text += data
  })
  return () => text
}

const forever = () => new Promise<string>(() => {})

/** Tests that slots are released when connections end before their requests do. */
export function describeConnections(start: StartRoutes): void {
  const stores: readonly (readonly [kind: string, storeOf: () => Store | undefined])[] = [
    ['a synchronous store', () => undefined],
    ['an asynchronous store', () => asynchronousStore()],
  ]

  describe.each(stores)('the slots of connections with %s', (_kind, storeOf) => {
    it('are released for pipelined requests when the connection closes', async () => {
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

    it('are released when the connection closes, even with more requests than a socket allows listeners', async () => {
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

    it('are released after each response on a connection that stays open', async () => {
      const { slots, options } = countedSlots(1, storeOf())
      const port = await start({ limits: [options] })
      const socket = await connected(port)
      const received = collectData(socket)
      for (let request = 1; request <= 20; request++) {
        socket.write(REQUEST)
        await expect.poll(() => slots.freed).toBe(request)
      }
      expect(received().match(/HTTP\/1\.1 200/g)).toHaveLength(20)
      socket.destroy()
    })

    it('are released when the client half-closes the connection, because Node then closes it', async () => {
      const { slots, options } = countedSlots(2, storeOf())
      const port = await start({ limits: [options], handle: forever })
      const socket = await connected(port)
      socket.end(REQUEST.repeat(2))
      await expect.poll(() => slots).toEqual({ taken: 2, freed: 2 })
    })
  })

  it('releases the slots of a client that disconnects while its decisions are pending', async () => {
    const store = slowStore()
    const { slots, options } = countedSlots(3, store)
    const port = await start({ limits: [options], handle: forever })
    const socket = await connected(port)
    const request = startRequest(port, '/predict')
    request.on('error', () => {})
    socket.write(REQUEST.repeat(2))
    await expect.poll(() => store.pending).toBe(3)
    socket.resetAndDestroy()
    request.destroy()
    // The server may notice the disconnect before or after the decision.
    store.decidePending()
    await expect.poll(() => slots).toEqual({ taken: 3, freed: 3 })
  })

  it.each([
    ['before the decision', false],
    ['while the decision is pending', true],
  ])('releases the slot of a request if middleware responds %s', async (_when, isPending) => {
    const store = slowStore()
    const { slots, options } = countedSlots(1, isPending ? store : undefined)
    let respond: () => void = () => {}
    let isEarly = true
    const port = await start({
      limits: [options],
      before: (respondFirst) => {
        if (!isEarly) return
        if (isPending) respond = respondFirst
        else respondFirst()
      },
    })
    const early = sendRequest(port, '/predict')
    if (isPending) {
      await expect.poll(() => store.pending).toBe(1)
      respond()
    }
    expect(await early).toMatchObject({ status: 503, text: 'early response' })
    store.decidePending()
    await expect.poll(() => slots.freed).toBe(slots.taken)
    isEarly = false
    const later = sendRequest(port, '/predict')
    if (isPending) {
      await expect.poll(() => store.pending).toBe(1)
      store.decidePending()
    }
    expect((await later).status).toBe(200)
  })

  it('does not overwrite the response of middleware when it refuses a request', async () => {
    const store = slowStore()
    let respond: () => void = () => {}
    const port = await start({
      limits: [{ rules: [{ limit: '1/minute', by: 'everyone', cost: 2 }], store }],
      before: (respondFirst) => {
        respond = respondFirst
      },
    })
    const early = sendRequest(port, '/predict')
    await expect.poll(() => store.pending).toBe(1)
    respond()
    expect(await early).toMatchObject({ status: 503, text: 'early response' })
    store.decidePending()
    const later = sendRequest(port, '/predict')
    await expect.poll(() => store.pending).toBe(1)
    store.decidePending()
    expect((await later).status).toBe(429)
  })
}
