import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { describe, expect, it } from 'vitest'
import {
  onAbort,
  releaseWhenRead,
  reportingStatus,
  whileHandled,
  withHeaders,
} from '../../src/http/web-response.js'
import { createLimiter } from '../../src/limiter/limiter.js'
import type { Permit } from '../../src/limiter/permit.js'
import { memoryStore } from '../../src/stores/memory/memory-store.js'
import { manualClock } from '../../src/time/clock.js'

setFlagsFromString('--expose-gc')
const collectGarbage: () => void = runInNewContext('gc')

function slot(): Permit {
  const store = memoryStore({ clock: manualClock() })
  const decision = createLimiter({ rules: [{ concurrent: 1 }], store }).admit('key')
  if (decision instanceof Promise || !decision.allowed) throw new Error('refused')
  return decision.permit
}

/** Creates a body that sends `chunks` chunks and then ends, fails, or sends nothing more. */
function body(chunks: number, end: 'ends' | 'fails' | 'waits' = 'ends'): ReadableStream<Uint8Array> {
  let sent = 0
  return new ReadableStream({
    async pull(controller) {
      if (sent++ < chunks) controller.enqueue(new TextEncoder().encode('chunk'))
      else if (end === 'ends') controller.close()
      else if (end === 'fails') controller.error(new Error('on purpose'))
      else await new Promise(() => {})
    },
  })
}

const request = (method = 'GET', signal?: AbortSignal) =>
  new Request('http://localhost/', { method, ...(signal && { signal }) })

describe('the slot of a web response', () => {
  it('is released when the body has been read completely', async () => {
    const permit = slot()
    const response = releaseWhenRead(new Response(body(3)), permit, request())
    expect(permit.holdsSlots).toBe(true)
    expect(await response.text()).toBe('chunkchunkchunk')
    expect(permit.holdsSlots).toBe(false)
  })

  it('is released when the body fails', async () => {
    const permit = slot()
    const response = releaseWhenRead(new Response(body(1, 'fails')), permit, request())
    await expect(response.text()).rejects.toThrow('on purpose')
    expect(permit.holdsSlots).toBe(false)
  })

  it('is released when the reader cancels the body', async () => {
    const permit = slot()
    const response = releaseWhenRead(new Response(body(9, 'waits')), permit, request())
    await response.body?.cancel()
    expect(permit.holdsSlots).toBe(false)
  })

  it('is released when the client disconnects', async () => {
    const client = new AbortController()
    const permit = slot()
    releaseWhenRead(new Response(body(9, 'waits')), permit, request('GET', client.signal))
    expect(permit.holdsSlots).toBe(true)
    client.abort()
    expect(permit.holdsSlots).toBe(false)
    const late = slot()
    releaseWhenRead(new Response(body(9)), late, request('GET', client.signal))
    expect(late.holdsSlots).toBe(false)
  })

  it('is released when the handler fails', async () => {
    const permit = slot()
    const failing = () => {
      throw new Error('on purpose')
    }
    await expect(whileHandled(permit, failing)).rejects.toThrow('on purpose')
    expect(permit.holdsSlots).toBe(false)
    expect(await whileHandled(undefined, () => 'fine')).toBe('fine')
  })

  it('is released at once if the body is missing or never read', () => {
    const permits = [slot(), slot()] as const
    releaseWhenRead(new Response(null, { status: 204 }), permits[0], request())
    releaseWhenRead(new Response(body(9, 'waits')), permits[1], request('HEAD'))
    expect(permits.map(({ holdsSlots }) => holdsSlots)).toEqual([false, false])
  })

  it('is released when the response is discarded unread', async () => {
    const permit = slot()
    releaseWhenRead(new Response(body(9, 'waits')), permit, request())
    await expect
      .poll(
        () => {
          collectGarbage()
          return permit.holdsSlots
        },
        { timeout: 20_000 },
      )
      .toBe(false)
  })
})

describe('a tracked response', () => {
  it('keeps its content and is read on demand', async () => {
    let pulled = 0
    const endless = new ReadableStream<Uint8Array>(
      {
        pull(controller) {
          pulled++
          controller.enqueue(new Uint8Array(1000))
        },
      },
      { highWaterMark: 0 },
    )
    const original = new Response(endless, { status: 201, statusText: 'Made', headers: { 'x-own': '1' } })
    const response = releaseWhenRead(original, slot(), request())
    expect([response.status, response.statusText, response.headers.get('x-own')]).toEqual([201, 'Made', '1'])
    const reader = response.body?.getReader()
    for (let read = 0; read < 3; read++) await reader?.read()
    await new Promise((resolve) => setImmediate(resolve))
    expect(pulled).toBe(3)
    await reader?.cancel()
  })

  it('gets headers in addition to its own', async () => {
    const own = new Response('fine', { headers: { ratelimit: '"a";r=1', 'retry-after': '9' } })
    const response = withHeaders(own, [
      ['ratelimit', '"b";r=2'],
      ['retry-after', '5'],
    ])
    expect(Object.fromEntries(response.headers)).toMatchObject({
      ratelimit: '"a";r=1, "b";r=2',
      'retry-after': '5',
    })
    expect(await response.text()).toBe('fine')
    expect(withHeaders(own, [])).toBe(own)
    // This is the only kind of uncopyable response that the test can create.
    const switching = Response.error()
    expect(withHeaders(switching, [['ratelimit', '"b";r=2']])).toBe(switching)
  })
})

describe('onAbort', () => {
  it('calls the listener once on a disconnect, and never after the listener is removed', () => {
    const client = new AbortController()
    const events: string[] = []
    onAbort(client.signal, () => events.push('watching'))
    onAbort(client.signal, () => events.push('removed'))()
    client.abort()
    onAbort(client.signal, () => events.push('after the disconnect'))
    expect(events).toEqual(['watching', 'after the disconnect'])
  })
})

describe('the status of a web response', () => {
  const statusesOf = async (handle: () => Response, isDisconnected = false) => {
    const seen: number[] = []
    await reportingStatus(
      (status) => seen.push(status),
      () => isDisconnected,
      handle,
    ).catch(() => {})
    return seen
  }

  it('is that of the response, or 500 if the handler throws', async () => {
    expect(await statusesOf(() => new Response(null, { status: 404 }))).toEqual([404])
    const failing = () => {
      throw new Error('on purpose')
    }
    expect(await statusesOf(failing)).toEqual([500])
    await expect(
      reportingStatus(
        () => {},
        () => false,
        failing,
      ),
    ).rejects.toThrow('on purpose')
  })

  it('is not reported if the client has disconnected', async () => {
    expect(await statusesOf(() => new Response(null, { status: 404 }), true)).toEqual([])
  })
})
