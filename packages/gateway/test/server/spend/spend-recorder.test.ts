import { describe, expect, it } from 'vitest'
import { MemoryLedger } from '../../../src/server/spend/memory-ledger.js'
import type { SpendBatch } from '../../../src/server/spend/spend-ledger.js'
import { SpendRecorder } from '../../../src/server/spend/spend-recorder.js'
import { entriesOf } from './describe-ledger.js'

const NOW = Date.parse('2026-11-05T10:00:00Z')
const spent = (id: string, units = 1) => ({
  ...{ units, currency: 'USD', client: { id }, model: 'big', route: 'a' },
  ...{ input: 1, cached: 0, output: 1 },
})

/** A ledger that fails as long as a test says so. It may fail after it has added a batch. */
function flakyLedger() {
  const memory = new MemoryLedger({ now: () => NOW })
  const sent: SpendBatch[] = []
  const state = { failure: undefined as string | undefined, afterAdding: false }
  return {
    ...{ memory, sent, state },
    async add(batch: SpendBatch) {
      sent.push(batch)
      if (state.failure !== undefined && !state.afterAdding) throw new Error(state.failure)
      const result = await memory.add(batch)
      if (state.failure !== undefined) throw new Error(state.failure)
      return result
    },
  }
}

function recorderOf(ledger: Pick<MemoryLedger, 'add'>, maxWaiting?: number) {
  const lines: (readonly [string, object])[] = []
  const log = {
    info: (fields: object, message: string) => void lines.push([message, fields]),
    error: (fields: object, message: string) => void lines.push([message, fields]),
  }
  /** Retries that a test has to run itself. */
  const retries: { readonly call: () => void; readonly milliseconds: number }[] = []
  const timers = {
    start: (call: () => void, milliseconds: number) => retries[retries.push({ call, milliseconds }) - 1],
    stop: () => {},
  }
  const recorder = new SpendRecorder({
    ...{ ledger, log, timers, now: () => NOW },
    ...(maxWaiting !== undefined && { maxWaiting }),
  })
  return { recorder, lines, retries }
}

const amountsIn = async (ledger: MemoryLedger) =>
  Object.fromEntries(
    (await entriesOf(ledger, NOW)).map(({ key, spend }) => [key.client, Number(spend.amount)]),
  )

describe('SpendRecorder', () => {
  it('adds what a request spent at once, without a timer', async () => {
    const ledger = flakyLedger()
    const { recorder, retries } = recorderOf(ledger)
    recorder.add(spent('acme', 5))
    expect(ledger.sent).toHaveLength(1)
    expect(await recorder.flush(1000)).toBe(true)
    expect(await amountsIn(ledger.memory)).toEqual({ acme: 5 })
    expect(retries).toEqual([])
  })

  it('sends one batch at a time, and sums what arrives in the meantime', async () => {
    const ledger = flakyLedger()
    const { recorder } = recorderOf(ledger)
    for (let n = 0; n < 1000; n++) recorder.add(spent(n % 2 === 0 ? 'acme' : 'globex'))
    expect(await recorder.flush(1000)).toBe(true)
    expect(ledger.sent.length).toBe(2)
    expect(await amountsIn(ledger.memory)).toEqual({ acme: 500, globex: 500 })
  })

  it.each([false, true])(
    'adds a batch once however often it is sent, with failures after adding: %s',
    async (after) => {
      const ledger = flakyLedger()
      const { recorder, lines, retries } = recorderOf(ledger)
      Object.assign(ledger.state, { failure: 'ECONNRESET', afterAdding: after })
      recorder.add(spent('acme', 3))
      expect(await recorder.flush(20)).toBe(false)
      recorder.add(spent('acme', 4))
      for (let n = 0; n < 3; n++) {
        retries.at(-1)?.call()
        expect(await recorder.flush(20)).toBe(false)
      }
      expect(retries.map(({ milliseconds }) => milliseconds).slice(0, 4)).toEqual([100, 200, 400, 800])
      expect(recorder.stats).toEqual({ waiting: 2, other: 0, dropped: 0 })
      ledger.state.failure = undefined
      expect(await recorder.flush(1000)).toBe(true)
      expect(await amountsIn(ledger.memory)).toEqual({ acme: 7 })
      expect(lines).toEqual([
        ['the ledger of spend is unavailable; spend waits in memory', { reason: 'ECONNRESET' }],
        ['the ledger of spend is available again', {}],
      ])
    },
  )

  it('keeps a bounded number of entries while the ledger is away, and no total is lost', async () => {
    const ledger = flakyLedger()
    const { recorder } = recorderOf(ledger, 3)
    ledger.state.failure = 'away'
    for (let n = 0; n < 10; n++) recorder.add(spent(`client ${n}`))
    expect(await recorder.flush(20)).toBe(false)
    // One is in the batch that is being sent, and the others are summed.
    expect(recorder.stats.waiting).toBe(5)
    expect(recorder.stats.other).toBe(6)
    ledger.state.failure = undefined
    await recorder.flush(1000)
    const amounts = await amountsIn(ledger.memory)
    expect(amounts.other).toBe(6)
    expect(Object.values(amounts).reduce((sum, each) => sum + each, 0)).toBe(10)
  })

  it('counts and logs what is lost when it closes without its ledger', async () => {
    const ledger = flakyLedger()
    const { recorder, lines } = recorderOf(ledger)
    ledger.state.failure = 'away'
    for (let n = 0; n < 3; n++) recorder.add(spent('acme'))
    await recorder.close(20)
    expect(recorder.stats.dropped).toBe(3)
    expect(lines.at(-1)).toEqual(['the spend of requests was lost', { requests: 3, reason: 'away' }])
  })

  it('counts and logs amounts that exceed 64 bits', async () => {
    const ledger = flakyLedger()
    const { recorder, lines } = recorderOf(ledger)
    for (let n = 0; n < 1026; n++) recorder.add(spent('acme', Number.MAX_SAFE_INTEGER))
    await recorder.flush(1000)
    const [entry] = await entriesOf(ledger.memory, NOW)
    expect(recorder.stats.dropped).toBeGreaterThan(0)
    expect((entry?.spend.requests ?? 0) + recorder.stats.dropped).toBe(1026)
    expect(lines.at(-1)?.[1]).toMatchObject({ reason: 'the amount exceeds 64 bits' })
  })
})
