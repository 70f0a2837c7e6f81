import fastify, { type FastifyInstance } from 'fastify'
import { manualClock, memoryStore } from 'sluice'
import { describe, expect, it } from 'vitest'
import { resourcesApp } from '../src/app.js'

const batchOf = (rows: number) => ({ data: Array(rows).fill([1, 2, 3]) })

async function startApp() {
  const clock = manualClock()
  const app = await resourcesApp(memoryStore({ clock }))
  const post = (path: string, payload: object) =>
    app.inject({ method: 'POST', url: `/models/${path}`, payload })
  return { app, clock, post }
}

describe('a limit by the size of a batch', () => {
  it('refuses a batch that can never fit as oversized, and charges nothing', async () => {
    const { app, post } = await startApp()
    const refused = await post('batch-predict', batchOf(101))
    expect([refused.statusCode, refused.json().reason]).toEqual([429, 'oversized'])
    expect((await post('batch-predict', batchOf(100))).statusCode).toBe(200)
    await app.close()
  })

  it.each([
    [{}, ['body', 'data']],
    [{ data: 50 }, ['body', 'data']],
    [{ data: [] }, ['body', 'data']],
    [{ data: { length: 1 } }, ['body', 'data']],
  ])('charges nothing for a batch without a size, which gets a 422: %j', async (payload, loc) => {
    const { app, post } = await startApp()
    const wrong = await post('batch-predict', payload)
    expect([wrong.statusCode, wrong.json().detail[0].loc]).toEqual([422, loc])
    expect((await post('batch-predict', batchOf(100))).statusCode).toBe(200)
    await app.close()
  })
})

describe('the rows admitted within a minute', () => {
  /** An app with one fault: a batch counts as one request, whatever its size. */
  const countingRequests = () => {
    let count = 0
    const app = fastify()
    app.post('/models/batch-predict', async (_request, reply) => reply.code(++count > 2 ? 429 : 200).send())
    return app
  }
  const admittedRows = async (app: Pick<FastifyInstance, 'inject' | 'close'>, sizes: readonly number[]) => {
    let rows = 0
    for (const size of sizes) {
      const payload = batchOf(size)
      const { statusCode } = await app.inject({ method: 'POST', url: '/models/batch-predict', payload })
      if (statusCode === 200) rows += size
    }
    await app.close()
    return rows
  }

  it('are at most a hundred, however they are grouped into batches', async () => {
    expect(await admittedRows(await resourcesApp(), [1000, 1000, 1000])).toBe(0)
    expect(await admittedRows(await resourcesApp(), [60, 60, 40])).toBe(100)
    expect(await admittedRows(await resourcesApp(), Array(120).fill(1))).toBe(100)
  })

  it('are all rows of two batches, whatever their size, in an app that counts requests', async () => {
    expect(await admittedRows(countingRequests(), [1000, 1000, 1000])).toBe(2000)
  })
})

describe('a limit of two batches in five minutes', () => {
  it('admits two more batches after five minutes, and not before', async () => {
    const { app, clock, post } = await startApp()
    const status = async () => (await post('batch-process', [[1, 2, 3]])).statusCode
    expect([await status(), await status(), await status()]).toEqual([200, 200, 429])
    clock.advance(299_999)
    expect(await status()).toBe(429)
    clock.advance(1)
    expect([await status(), await status(), await status()]).toEqual([200, 200, 429])
    await app.close()
  })
})
