import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { seededRandom } from '../../../../../test/fuzz/random.js'
import { type RedisServer, startRedis } from '../../../../sluice/test/stores/servers/redis.js'
import { startFaultyProxy } from '../../../../sluice/test/stores/servers/wire.js'
import { spendCsv } from '../../../src/server/admin/spend/spend-csv.js'
import { until } from '../gateway/running-gateway.js'
import { type Call, randomCall, type SpendingGateway, spendingFleet } from './spend-fleet.js'

let redis: RedisServer
beforeAll(async () => {
  redis = await startRedis()
})
afterEach(async () => {
  await redis.cli('flushall')
})
afterAll(() => redis?.stop())

const DAY = 86_400_000
const day = (offset: number) => new Date(Date.now() + offset * DAY).toISOString().slice(0, 10)
/** A period that contains the test, even if the day changes. */
const [FROM, TO] = [day(-1), day(1)]
const PERIOD = `from=${FROM}&to=${TO}`

/** Returns the sums of calls by a name, in units of 10^-9. */
function sumsOf(calls: readonly Call[], nameOf: (call: Call) => string): Record<string, bigint> {
  const sums = new Map<string, bigint>()
  for (const call of calls)
    if (call.script.ending !== 'error') sums.set(nameOf(call), (sums.get(nameOf(call)) ?? 0n) + call.units)
  return Object.fromEntries(sums)
}

/** Reads a decimal amount, in units of 10^-9. */
function unitsIn(amount: string): bigint {
  const [whole = '', fraction = ''] = amount.split('.')
  return BigInt(whole + fraction.padEnd(9, '0'))
}

const NAMES = {
  client: (call: Call) => encodeURIComponent(call.client),
  team: (call: Call) => call.team ?? '',
  model: (call: Call) => call.model,
  route: () => 'POST /v1/chat/completions',
}

/** Checks the API, the command and the download of a gateway against the calls that were made. */
async function expectSpend(gateway: SpendingGateway, calls: readonly Call[]): Promise<void> {
  const total = calls.reduce((sum, { units }) => sum + units, 0n)
  const settled = async () => unitsIn((await gateway.report(PERIOD)).totals[0]?.amount ?? '0')
  await until(async () => (await settled()) >= total)
  for (const [by, nameOf] of Object.entries(NAMES)) {
    const report = await gateway.report(`by=${by}&${PERIOD}`)
    const amounts = report.rows.map(({ name, amount }) => [name, unitsIn(amount)])
    expect(Object.fromEntries(amounts)).toEqual(sumsOf(calls, nameOf))
    expect(report.totals).toMatchObject([
      { currency: 'USD', requests: calls.filter(({ script }) => script.ending !== 'error').length },
    ])
    expect(unitsIn(report.totals[0]?.amount ?? '')).toBe(total)
    const download = await fetch(`${gateway.adminUrl}/api/spend?by=${by}&format=csv&${PERIOD}`)
    expect(download.headers.get('content-type')).toBe('text/csv; charset=utf-8; header=present')
    expect(download.headers.get('content-disposition')).toMatch(
      /^attachment; filename="spend-by-[a-z]+-.*\.csv"$/,
    )
    expect(await download.text()).toBe(spendCsv(report))
  }
  const command = ['spend', '--by', 'team', '--from', FROM, '--to', TO]
  const report = await gateway.report(`by=team&${PERIOD}`)
  const [json, csv] = await Promise.all([gateway.run(...command, '--json'), gateway.run(...command, '--csv')])
  expect(JSON.parse(json.out)).toEqual(report)
  expect(csv).toEqual({ code: 0, out: spendCsv(report), err: '' })
}

/** Makes random calls through the gateways in turn, a few at a time. */
async function makeCalls(gateways: readonly SpendingGateway[], count: number, seed: number): Promise<Call[]> {
  const random = seededRandom(seed)
  const calls = Array.from({ length: count }, () => randomCall(random))
  for (let first = 0; first < count; first += 10)
    await Promise.all(
      calls
        .slice(first, first + 10)
        .map(async (call, index) => gateways[(first + index) % gateways.length]?.call(call)),
    )
  return calls
}

describe('the spend of a gateway with its state in memory', () => {
  it.each([1, 2])('equals what was settled, also after it was killed, with %i workers', async (workers) => {
    const { start } = await spendingFleet(`workers: ${workers}\nstate: acts.json\n`)
    let gateway = await start()
    const calls = await makeCalls([gateway], 60, 7)
    await expectSpend(gateway, calls)
    await gateway.stop('SIGKILL')
    gateway = await start()
    await expectSpend(gateway, calls)
    calls.push(...(await makeCalls([gateway], 20, 8)))
    await gateway.stop()
    gateway = await start()
    await expectSpend(gateway, calls)
  })

  it('refuses to start with a file that it cannot read', async () => {
    const { folder, start } = await spendingFleet('state: acts.json\n')
    const gateway = await start()
    await gateway.stop()
    await writeFile(join(folder, 'acts.json.spend'), 'something else')
    await expect(start()).rejects.toThrow('acts.json.spend is not a spend file written by the gateway')
  })
})

describe('the spend of two gateways on one Redis', () => {
  it('equals what was settled, although the connection is cut, slow and reset in between', async () => {
    const proxy = await startFaultyProxy(redis.port)
    try {
      const { start } = await spendingFleet(
        `store: redis://127.0.0.1:${proxy.port}/0\non_store_failure: open\n`,
      )
      const gateways = await Promise.all([start(), start()])
      const calls = await makeCalls(gateways, 40, 1)
      proxy.mode = 'drop'
      calls.push(...(await makeCalls(gateways, 40, 2)))
      await until(async () => (await gateways[0]?.metric('sluice_spend_waiting')) !== 0)
      expect((await gateways[0]?.report(PERIOD)) as object).toMatchObject({
        error: expect.stringContaining('the ledger of spend cannot be read'),
      })
      expect(await gateways[0]?.run('spend')).toMatchObject({ code: 2, out: '' })
      // Batches arrive, but their replies are too late, so they are sent again.
      proxy.mode = 2500
      proxy.reset()
      calls.push(...(await makeCalls(gateways, 40, 3)))
      proxy.reset()
      proxy.mode = 'forward'
      calls.push(...(await makeCalls(gateways, 40, 4)))
      for (const gateway of gateways) {
        await until(async () => (await gateway.metric('sluice_spend_waiting')) === 0)
        expect(await gateway.metric('sluice_spend_dropped_total')).toBe(0)
        expect(gateway.log()).toContain('the ledger of spend is available again')
      }
      await Promise.all(gateways.map((gateway) => expectSpend(gateway, calls)))
    } finally {
      proxy.stop()
    }
  })

  it('equals what was settled with several workers, after the gateways have stopped', async () => {
    const { start } = await spendingFleet(`workers: 2\nstore: redis://127.0.0.1:${redis.port}/0\n`)
    const gateways = await Promise.all([start(), start()])
    const calls = await makeCalls(gateways, 60, 5)
    await Promise.all(gateways.map((gateway) => gateway.stop()))
    await expectSpend(await start(), calls)
  })
})

describe('sluice spend', () => {
  it('prints a table with totals', async () => {
    const { start } = await spendingFleet('')
    const gateway = await start()
    const script = { input: 100, cached: 60, output: 30, ending: 'answer' } as const
    const call = (client: string, team?: string) =>
      gateway.call({ client, team, model: 'big', script, units: 0n })
    for (const [client, team] of [['ada', 'red'], ['bob', 'red'], ['zoe']] as const) await call(client, team)
    await until(async () => (await gateway.report(PERIOD)).totals[0]?.requests === 3)
    const { code, out } = await gateway.run('spend', '--by', 'team', '--from', FROM, '--to', TO)
    expect(code).toBe(0)
    expect(out.split('\n').slice(1)).toEqual(
      [
        'team      amount  currency  requests  input tokens  cached  output tokens',
        'red     0.00283  USD              2           200     120             60',
        '(none)  0.001415  USD              1           100      60             30',
        'total   0.004245  USD              3           300     180             90',
        "what was spent before the gateway started is not known; 'state' names a file to keep it",
        '',
      ].map((line) => (line.startsWith('red') ? line.replace('red     0', 'red      0') : line)),
    )
  })

  it('rejects what is wrong with one error', async () => {
    const { start } = await spendingFleet('')
    const gateway = await start()
    await makeCalls([gateway], 10, 1)
    await until(async () => (await gateway.report(PERIOD)).totals.length > 0)
    expect(await gateway.run('spend', '--by', 'tema')).toMatchObject({
      code: 1,
      out: '',
      err: "sluice: no client with spend in this time has the label 'tema'; their labels are: team\n",
    })
    expect(await gateway.run('spend', '--csv', '--json')).toMatchObject({
      code: 1,
      err: 'sluice: write either --csv or --json\n',
    })
    expect((await gateway.run('spend', '--month', '2026')).err).toContain("'month' must be a month")
  })
})

describe('sluice forget', () => {
  it('moves the spend of a client, clears its usage, and removes its acts and traces', async () => {
    const { folder, start } = await spendingFleet('state: acts.json\n')
    let gateway = await start()
    const script = { input: 100, cached: 0, output: 30, ending: 'answer' } as const
    const call = (client: string, team: string) =>
      gateway.call({ client, team, model: 'big', script, units: 0n })
    for (const [client, team] of [
      ['ada', 'red'],
      ['bob', 'red'],
    ] as const)
      await call(client, team)
    const reason = ['--reason', 'asked to be erased']
    await gateway.run('act', 'block', '--client', 'ada', ...reason)
    expect(await call('ada', 'red')).toBe(403)
    const before = await gateway.report(`by=team&${PERIOD}`)
    const traces = async () => {
      const paths = [
        '/api/talkers',
        '/api/refusals',
        '/api/acts/current',
        '/api/tree',
        `/api/spend?${PERIOD}`,
      ]
      const all = await Promise.all(paths.map(async (path) => (await fetch(gateway.adminUrl + path)).text()))
      const history = (await (await fetch(`${gateway.adminUrl}/api/live`)).body?.getReader().read())?.value
      return [...all, Buffer.from(history ?? '').toString()].map((text) => /\bada\b/.test(text))
    }
    await until(async () => (await traces()).every((isNamed, index) => isNamed || index === 3))
    const { code, out } = await gateway.run('forget', 'ada', ...reason)
    expect(code).toBe(0)
    expect(out).toMatch(
      /^client ada is forgotten: 1 entry of spend moved to 'forgotten', usage cleared under 1 rule, 1 act and 1 recent refusal removed/,
    )
    expect(out).toContain('Not removed: lines in the log')
    expect(await traces()).toEqual([false, false, false, false, false, false])
    expect(await gateway.report(`by=team&${PERIOD}`)).toEqual(before)
    expect((await gateway.report(`by=client&${PERIOD}`)).rows.map(({ name }) => name).toSorted()).toEqual([
      'bob',
      'forgotten',
    ])
    expect(await readFile(join(folder, 'acts.json.spend'), 'utf8')).not.toContain('ada')
    const [block, forget] = (await readFile(join(folder, 'audit.jsonl'), 'utf8')).trim().split('\n')
    expect(JSON.parse(block ?? '')).toMatchObject({ act: { act: 'block' } })
    expect(JSON.parse(forget ?? '')).toMatchObject({
      ...{ who: 'admin', outcome: 'done' },
      act: { act: 'forget', client: 'ada', reason: 'asked to be erased' },
    })
    expect((await gateway.run('forget', 'ada', ...reason)).out).toContain('0 entries of spend moved')
    expect((await gateway.run('forget', 'forgotten', ...reason)).code).toBe(1)
    await gateway.stop()
    gateway = await start()
    expect(await gateway.report(`by=team&${PERIOD}`)).toEqual(before)
  })

  it('removes nothing while Redis is away', async () => {
    const { start } = await spendingFleet(
      `store: redis://127.0.0.1:${redis.port}/0\non_store_failure: open\n`,
    )
    const gateway = await start()
    await makeCalls([gateway], 10, 1)
    await redis.crash()
    try {
      await makeCalls([gateway], 10, 2)
      const { code, err } = await gateway.run('forget', 'ada', '--reason', 'test')
      expect(code).toBe(2)
      expect(err).toContain('the ledger of spend is unavailable')
    } finally {
      await redis.startAgain()
    }
  })
})
