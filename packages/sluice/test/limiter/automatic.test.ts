import { describe, expect, it } from 'vitest'
import {
  type ConcurrencyRule,
  createLimiter,
  type Decision,
  memoryStore,
  type Permit,
} from '../../src/index.js'
import { withLines } from '../../src/waiting/lines.js'
import { LocalLines, type LocalLinesOptions } from '../../src/waiting/local-lines.js'
import { settled, slow } from '../stores/slow-store.js'
import { manualTimers } from './manual-timers.js'

interface Call {
  readonly tenant: string
  readonly input?: number
  readonly cost?: number
  readonly isStream?: boolean
}

/** The requests that may be sent before any response has begun. */
const FIRST_WINDOW = 4

interface Setup {
  readonly concurrent?: ConcurrencyRule<Call>['concurrent']
  readonly isRemote?: boolean
  readonly rule?: Partial<ConcurrencyRule<Call>>
  readonly lines?: LocalLinesOptions
  readonly hasBody?: boolean
}

/** A limiter whose slots follow a server. Time passes only where the test says so. */
function automatic({ concurrent = 'auto', isRemote = false, rule, lines, hasBody }: Setup = {}) {
  const timers = manualTimers()
  const memory = memoryStore({ clock: { now: timers.now, wallTime: timers.now } })
  const store = withLines(isRemote ? slow(memory) : memory, new LocalLines(timers, lines))
  const limiter = createLimiter<Call>({
    ...{ store, timers },
    rules: [
      { limit: '1000/minute', by: () => 'all' },
      {
        ...{ name: 'server', by: () => 'all', wait: '20s', ...rule },
        ...{ concurrent, cost: ({ cost = 1 }: Call) => cost },
        work: ({ input = 100, isStream = true }: Call) => ({ input, output: 50, isStream }),
      },
    ],
    ...(hasBody === true && { needsBody: { rule: (each) => 'concurrent' in each } }),
  })
  const admitted: { readonly call: Call; readonly permit: Permit }[] = []
  const refused: (Decision & { readonly allowed: false })[] = []
  return {
    ...{ limiter, timers, admitted, refused, store },
    async arrive(...calls: readonly Call[]) {
      for (const call of calls)
        void Promise.resolve(
          limiter.admit(call, hasBody === true ? { body: { isHere: false, receive: async () => {} } } : {}),
        ).then((decision) => {
          if (decision.allowed) admitted.push({ call, permit: decision.permit })
          else refused.push(decision)
        })
      await settled()
    },
    async pass(milliseconds: number) {
      timers.advance(milliseconds)
      await settled()
    },
    permit: (index: number) => admitted[index]?.permit as Permit,
  }
}

const calls = (count: number, tenant = 'a'): Call[] => Array.from({ length: count }, () => ({ tenant }))

describe.each([
  ['in this process', { isRemote: false }],
  ['of a remote store', { isRemote: true }],
  ['decided on after the body', { isRemote: false, hasBody: true }],
])('slots that follow a server, %s', (_name, setup) => {
  it('are taken by no more requests than may be on their way, however many arrive at once', async () => {
    const { arrive, admitted, permit } = automatic(setup)
    await arrive(...calls(20))
    expect(admitted).toHaveLength(FIRST_WINDOW)
    permit(0).began()
    await settled()
    // While it is full, the first window grows by one with each response that begins.
    expect(admitted).toHaveLength(FIRST_WINDOW + 2)
    permit(0).began()
    await settled()
    expect(admitted).toHaveLength(FIRST_WINDOW + 2)
  })

  it('never exceed the maximum', async () => {
    const { arrive, admitted, permit } = automatic({ ...setup, concurrent: { auto: { max: 2 } } })
    await arrive(...calls(5))
    permit(0).began()
    permit(1).began()
    await settled()
    expect(admitted).toHaveLength(2)
    await permit(0).release()
    await settled()
    expect(admitted).toHaveLength(3)
  })

  it('are free for the next request as soon as one is canceled or ends without a response', async () => {
    const { arrive, admitted, permit } = automatic(setup)
    await arrive(...calls(10))
    await permit(0).cancel()
    await settled()
    expect(admitted).toHaveLength(FIRST_WINDOW + 1)
    await permit(1).release()
    await settled()
    expect(admitted).toHaveLength(FIRST_WINDOW + 2)
  })

  it('are taken by one request at a time after the server was overloaded', async () => {
    const { arrive, admitted, permit, pass } = automatic(setup)
    await arrive(...calls(10))
    permit(0).rejected('overloaded', 5_000)
    await permit(0).release()
    for (let index = 1; index < FIRST_WINDOW; index++) await permit(index).release()
    await settled()
    await pass(4_999)
    expect(admitted).toHaveLength(FIRST_WINDOW)
    await pass(1)
    expect(admitted).toHaveLength(FIRST_WINDOW + 1)
    permit(FIRST_WINDOW).began()
    await settled()
    expect(admitted.length).toBeGreaterThan(FIRST_WINDOW + 1)
  })

  it('are not taken by requests whose time is up', async () => {
    const { arrive, admitted, refused, pass } = automatic(setup)
    await arrive(...calls(FIRST_WINDOW + 1))
    await pass(20_000)
    expect(admitted).toHaveLength(FIRST_WINDOW)
    expect(refused.map(({ refusal }) => refusal)).toMatchObject([{ reason: 'busy', violated: ['server'] }])
  })
})

it('slots that follow a server are given in fair shares', async () => {
  const { arrive, admitted, permit } = automatic({ rule: { fair: ({ tenant }) => tenant } })
  await arrive(...calls(FIRST_WINDOW, 'flood'))
  await arrive(...calls(20, 'flood'))
  await arrive(...calls(2, 'other'))
  for (let index = 0; index < 4; index++) permit(index).began()
  await settled()
  const order = admitted.slice(FIRST_WINDOW).map(({ call }) => call.tenant)
  expect(order.slice(0, 3)).toEqual(['other', 'flood', 'other'])
})

it('requests without a cost need no slot of the server', async () => {
  const { arrive, admitted } = automatic()
  await arrive(...calls(FIRST_WINDOW))
  await arrive({ tenant: 'a', cost: 0 }, { tenant: 'a' })
  expect(admitted.map(({ call }) => call.cost)).toEqual([...Array(FIRST_WINDOW).fill(undefined), 0])
})

it('documents count as begun after the time in which streams of their size begin', async () => {
  const { arrive, admitted, permit, pass } = automatic()
  await arrive(...calls(FIRST_WINDOW))
  await pass(300)
  for (let index = 0; index < FIRST_WINDOW; index++) permit(index).began()
  await pass(10_000)
  await arrive(...Array.from({ length: 12 }, () => ({ tenant: 'a', isStream: false })))
  const before = admitted.length
  expect(before).toBeLessThan(FIRST_WINDOW + 12)
  await pass(299)
  expect(admitted).toHaveLength(before)
  await pass(1)
  expect(admitted.length).toBeGreaterThan(before)
})

it('the load that the server reports closes the window, and is watched while requests are in flight', async () => {
  const watched: string[] = []
  const reports: ((load: { waiting: number; memoryUsed: undefined } | undefined) => void)[] = []
  let stopped = 0
  const { arrive, admitted, permit, pass } = automatic({
    concurrent: { auto: { metrics: 'http://model:8000/metrics', hidden: true } },
    lines: {
      watchLoad(url, onLoad) {
        watched.push(url)
        reports.push(onLoad)
        return () => stopped++
      },
    },
  })
  await arrive(...calls(8))
  expect(watched).toEqual(['http://model:8000/metrics'])
  // The window is off, because nothing tells hidden work from a queue.
  expect(admitted).toHaveLength(8)
  reports[0]?.({ waiting: 6, memoryUsed: undefined })
  await arrive(...calls(4))
  expect(admitted).toHaveLength(8)
  for (let index = 0; index < 8; index++) await permit(index).release()
  await settled()
  for (let index = 8; index < 12; index++) {
    await permit(index).release()
    await settled()
  }
  reports[0]?.(undefined)
  expect(stopped).toBe(0)
  await pass(60_000)
  reports[0]?.(undefined)
  expect(stopped).toBe(1)
})

describe('a deadline for the beginning of responses', () => {
  /** A limiter whose server has just begun twenty responses after a time each. */
  async function learned(beginMs: number, firstToken = '2s') {
    const limited = automatic({ rule: { firstToken } })
    for (let number = 0; number < 20; number++) {
      await limited.arrive({ tenant: 'a' })
      await limited.pass(beginMs)
      limited.permit(number).began()
      await limited.permit(number).release()
      await limited.pass(5_000)
    }
    return { ...limited, before: limited.admitted.length }
  }

  it('refuses a request that cannot begin in time, without sending it', async () => {
    const { arrive, admitted, refused, permit, pass, before } = await learned(1_500)
    await arrive(...calls(12))
    const sent = admitted.length
    expect(sent).toBeLessThan(before + 12)
    await pass(600)
    // Of the 2 s, 1.4 s are left.
    permit(before).began()
    await settled()
    expect(admitted).toHaveLength(sent)
    expect(refused.length).toBe(before + 12 - sent)
    expect(refused[0]?.refusal).toMatchObject({ reason: 'busy', violated: ['server'] })
  })

  it('sends one request every 5 s to learn whether it still takes so long', async () => {
    const { arrive, admitted, refused, permit, pass, before } = await learned(3_000)
    await arrive({ tenant: 'a' }, { tenant: 'a' })
    // One is on its way, so the other one is not sent.
    expect(admitted).toHaveLength(before + 1)
    expect(refused.map(({ refusal }) => refusal.reason)).toEqual(['busy'])
    await permit(before).release()
    await pass(4_999)
    await arrive({ tenant: 'a' })
    expect(refused).toHaveLength(2)
    await pass(1)
    await arrive({ tenant: 'a' })
    expect(admitted).toHaveLength(before + 2)
  })

  it('can be shortened by the caller, and not lengthened', async () => {
    const { limiter, timers, refused, admitted, before } = await learned(1_000)
    const admit = async (beginWithin: number) => {
      const decision = await limiter.admit({ tenant: 'a' }, { beginWithin })
      if (decision.allowed) admitted.push({ call: { tenant: 'a' }, permit: decision.permit })
      return decision.allowed
    }
    for (const invalid of [0, -1, Number.NaN])
      expect(() => limiter.admit({ tenant: 'a' }, { beginWithin: invalid })).toThrow("'beginWithin' must be")
    expect(await admit(1_100)).toBe(true)
    // One that is on its way shows that no test is due.
    expect(await admit(900)).toBe(false)
    for (let number = 0; number < FIRST_WINDOW * 4; number++) void admit(60_000).catch(() => {})
    await settled()
    const sent = admitted.length
    expect(sent).toBeGreaterThan(before + 1)
    timers.advance(2_000)
    await settled()
    // The others were refused at the deadline of the rule.
    for (const { permit } of admitted.slice(before)) await permit.release()
    await settled()
    expect(admitted).toHaveLength(sent)
    expect(refused).toHaveLength(0)
  })
})

it.each([
  [{ concurrent: 'auto', wait: undefined }, "'auto' requires 'wait'"],
  [{ concurrent: 'auto', tiers: { free: 0.5 } }, "'auto' has no 'tiers'"],
  [{ concurrent: 'automatic' }, "'concurrent' must be a number, 'auto', or an object"],
  [{ concurrent: {} }, "'concurrent' must be a number, 'auto', or an object such as { auto: { max: 512 } }"],
  [{ concurrent: null }, 'number'],
  [{ concurrent: { auto: { max: 0 } } }, "'max' must be a whole number of at least 1, not 0"],
  [{ concurrent: { auto: { max: 1.5 } } }, "'max' must be a whole number of at least 1, not 1.5"],
  [
    { concurrent: { auto: { replicas: 2_000 } } },
    "'replicas' must be a whole number of at least 1 and at most 1024",
  ],
  [{ concurrent: { auto: { gap: '2m' } } }, "'gap' must be from 1 ms to 1 minute per token"],
  [{ concurrent: { auto: { gap: 'fast' } } }, 'fast'],
  [{ concurrent: { auto: { keep: 'speed' } } }, "'keep' must be latency or throughput, not 'speed'"],
  [{ concurrent: { auto: { hidden: 'yes' } } }, "'hidden' must be true or false, not yes"],
  [{ concurrent: { auto: { metrics: 'model:8000' } } }, "'metrics' must be a URL such as"],
  [{ concurrent: { auto: { window: 4 } } }, "'auto' has no option 'window'"],
  [{ concurrent: { auto: {}, max: 4 } }, "'concurrent' must be a number, 'auto'"],
  [{ concurrent: 'auto', enforce: false }, "a shadow rule cannot have 'wait'"],
  [{ concurrent: 4, work: () => 1 }, "'work' requires 'fair'"],
  [{ concurrent: 4, firstToken: '2s' }, "'firstToken' requires concurrent: 'auto'"],
  [{ concurrent: 'auto', firstToken: 'soon' }, 'soon'],
])('rejects %j', (rule, message) => {
  const rules = [{ by: () => 'all', wait: '1s', ...rule } as unknown as ConcurrencyRule<string>]
  expect(() => createLimiter<string>({ rules })).toThrow(message)
})
