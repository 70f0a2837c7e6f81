import { describe, expect, it } from 'vitest'
import { createLimiter, type Decision, memoryStore, type Permit, type Store } from '../../src/index.js'
import { FairShare } from '../../src/waiting/fair-share.js'
import { type Attempt, lineId, type Pool, type WaitingRequest } from '../../src/waiting/lines.js'
import { LocalLines } from '../../src/waiting/local-lines.js'
import type { Waiting } from '../../src/waiting/order.js'
import { manualTimers } from '../limiter/manual-timers.js'
import { settled, slow } from '../stores/slow-store.js'

interface Call {
  readonly tenant: string
  readonly cost: number
}

/** Creates a fair limit of four slots. No timer fires, so no request is tried only because time passes. */
function fourSlots(store: Store) {
  const limiter = createLimiter<Call>({
    store,
    timers: { ...manualTimers() },
    rules: [
      {
        ...{ concurrent: 4, by: () => 'all', wait: '60s' },
        ...{ cost: ({ cost }) => cost, fair: ({ tenant }) => tenant },
      },
    ],
  })
  const admitted: string[] = []
  const permits: Permit[] = []
  const onDecision = (tenant: string) => (decision: Decision) => {
    if (!decision.allowed) return
    admitted.push(tenant)
    permits.push(decision.permit)
  }
  return {
    admitted,
    permits,
    async arrive(tenant: string, cost = 1) {
      void Promise.resolve(limiter.admit({ tenant, cost })).then(onDecision(tenant))
      await settled()
    },
  }
}

describe.each([
  ['a store in memory', memoryStore],
  ['a store that takes time', () => slow(memoryStore())],
])('a fair line of %s', (_name, createStore) => {
  it('gives all slots that one release has freed to the requests that wait', async () => {
    const { arrive, admitted, permits } = fourSlots(createStore())
    await arrive('big', 4)
    for (const tenant of ['a', 'b', 'c', 'd']) await arrive(tenant)
    expect(admitted).toEqual(['big'])
    await permits[0]?.release()
    await settled()
    expect(admitted).toEqual(['big', 'a', 'b', 'c', 'd'])
  })

  it('gives the slots of several releases at once to the requests that wait', async () => {
    const { arrive, admitted, permits } = fourSlots(createStore())
    for (const tenant of ['w', 'x', 'y', 'z', 'a', 'b', 'c', 'd']) await arrive(tenant)
    expect(admitted).toEqual(['w', 'x', 'y', 'z'])
    await Promise.all(permits.map((permit) => permit.release()))
    await settled()
    expect(admitted).toEqual(['w', 'x', 'y', 'z', 'a', 'b', 'c', 'd'])
  })
})

it('a fair line makes one attempt at a time, also after its only request has timed out during one', async () => {
  const timers = manualTimers()
  const lines = new LocalLines(timers)
  const work = { input: 1, output: 0 }
  const pool = (tenant: string, timeoutMs: number): Pool => ({
    ...{ id: lineId('rule', 'key'), scope: 'rule', timeoutMs, maxQueued: 10, isPerClient: false },
    share: { tenant, weight: 1, work, counts: { input: 1, output: 2 } },
    ...{ window: undefined, rank: undefined, deadline: undefined },
  })
  // A tenant in flight keeps the order of the line.
  lines.begin(lineId('rule', 'key'), {
    share: pool('other', 0).share,
    scope: 'rule',
    rank: undefined,
    sending: undefined,
  })
  let running = 0
  let most = 0
  const ends: (() => void)[] = []
  const enter = (tenant: string, timeoutMs: number) => {
    const own = pool(tenant, timeoutMs)
    const request: WaitingRequest<string> = {
      ...{
        pools: [own],
        ticket: lines.newTicket(),
        waiter: undefined,
        signal: undefined,
        checkEarly: undefined,
      },
      async attempt(): Promise<Attempt<string>> {
        most = Math.max(most, ++running)
        await new Promise<void>((done) => ends.push(done))
        running--
        return { result: tenant }
      },
      onLateResult() {},
    }
    return lines.enter(request, own.id, 0)
  }
  void enter('first', 10)
  await settled()
  timers.advance(20)
  const second = enter('second', 1_000)
  void enter('third', 1_000)
  await settled()
  for (let end = ends.shift(); end !== undefined; end = ends.shift()) {
    end()
    await settled()
  }
  expect(await second).toEqual({ result: 'second' })
  expect(most).toBe(1)
})

it('a fair line whose requests take no work predicts no wait', () => {
  let now = 0
  const line = new FairShare<Waiting>(() => now)
  const share = { tenant: 'a', weight: 1, work: { input: 0, output: 0 }, counts: { input: 1, output: 2 } }
  const entry = (ticket: number): Waiting => ({ ticket, waiter: undefined, share })
  line.push(entry(0))
  for (let ticket = 1; ticket <= 100; ticket++) {
    now += 10
    line.begin(share).end()
  }
  expect(line.expectedWaitMs(entry(101))).toBeUndefined()
})
