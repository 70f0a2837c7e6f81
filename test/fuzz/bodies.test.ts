import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import express from 'express'
import { expect, it, onTestFinished } from 'vitest'
import { compareCharges, DEFAULT_ROWS } from './compare-charges.js'
import { fuzzPlan } from './plan.js'

const SIZES = { short: 300, full: 20_000 }

/** Returns the number that an application reads from a value, or the largest one in it. */
function largest(value: unknown): number {
  if (value === undefined) return DEFAULT_ROWS
  return Math.max(...[typeof value === 'object' ? Object.values(Object(value)) : value].flat().map(Number))
}

it.each(['simple', 'extended'])(
  'the gateway charges at least the rows that Express processes with its %s query parser',
  async (parser) => {
    const app = express()
      .set('query parser', parser)
      .use(express.json({ type: () => true, strict: false }))
      .post('/rows', (request, response) => {
        const { data } = Object(request.body)
        const rows = data == null ? DEFAULT_ROWS : (data.length ?? Object.keys(data).length)
        const requested = largest(request.query.n) + largest(request.headers['x-rows'])
        if (Number.isNaN(requested)) response.status(422).json({})
        else response.json({ run: rows + requested })
      })
    const upstream = createServer(app).listen(0, '127.0.0.1')
    await once(upstream, 'listening')
    onTestFinished(() => {
      upstream.closeAllConnections()
      upstream.close()
    })
    const { port } = upstream.address() as AddressInfo
    const plan = fuzzPlan(SIZES)
    const { ran, failed, refused } = await compareCharges(`http://127.0.0.1:${port}`, '/rows', plan)
    console.log(
      `seed ${plan.seed}: Express processed ${ran} requests and rejected ${failed}; the gateway rejected ${refused}`,
    )
    expect(ran + failed + refused).toBeGreaterThan(0)
  },
)
