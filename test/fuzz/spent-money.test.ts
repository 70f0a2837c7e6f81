import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { type RedisServer, startRedis, until } from '../../packages/sluice/test/stores/servers/redis.js'
import { GatewayFleet } from './gateway-fleet.js'
import { MeteredModel } from './metered-model.js'
import { fuzzPlan } from './plan.js'
import { type InputKind, type PricedCall, PricedCalls, reservedFor, unitsOf, usedBy } from './priced-calls.js'
import { seededRandom } from './random.js'
import { SpendingClients } from './spending-clients.js'

// Gateways in processes of their own share a limit on money in Redis. A model logs what each stream
// used. The limit must hold to the unit of 10^-9, and the state in Redis must agree with the log.
// `npm run test:fuzz -- --full spent-money` runs it with 8 gateways and 500 streams on each.

const GATEWAYS = fuzzPlan({ short: 3, full: 8 }).runs
const STREAMS = fuzzPlan({ short: 40, full: 500 }).runs
const { seed } = fuzzPlan({ short: 1, full: 1 })
const TIMEOUT_MS = 600_000

const LIMIT = 20
const LIMIT_UNITS = unitsOf(String(LIMIT))

let redis: RedisServer
let folder: string
beforeAll(async () => {
  redis = await startRedis()
  folder = await mkdtemp(join(tmpdir(), 'sluice-spent-'))
})
afterAll(async () => {
  await rm(folder, { recursive: true, force: true })
  await redis?.stop()
})

/** @param database of the Redis server */
async function writeConfig(database: number, upstream: string, limit: number): Promise<string> {
  const file = join(folder, `gateway-${database}-${limit}.yaml`)
  await writeFile(
    file,
    `listen: 127.0.0.1:0
admin: off
upstream: ${upstream}
log: { refusals: false }
store: redis://127.0.0.1:${redis.port}/${database}
on_store_failure: { policy: closed, deadline: 60s }
timeouts: { drain: 0, headers: 10m, request: 10m }
prices: prices-${database}.yaml
usage: /usage
routes:
  - match: POST /v1/completions
    llm: openai
    limits: [{ name: spent, limit: ${limit} USD/day, of: money, by: ip }]
`,
  )
  return file
}

/** Returns the total that the store holds, which the limit of 20 USD could cut off. */
async function storedTotal(database: number, upstream: string): Promise<bigint> {
  const fleet = new GatewayFleet(await writeConfig(database, upstream, 9_000_000))
  await fleet.start(1)
  const response = await fetch(`${fleet.running[0]?.url}/usage`)
  const { rules } = (await response.json()) as { rules: { rule: string; used: string }[] }
  await fleet.stop()
  return unitsOf(rules.find(({ rule }) => rule === 'spent')?.used ?? '0')
}

interface Run {
  readonly database: number
  readonly inputs: InputKind
  /** Gateways that are killed while streams are open. Every other one is replaced. */
  readonly kills: number
}

async function run({ database, inputs, kills }: Run) {
  const random = seededRandom(seed, database)
  const concurrent = GATEWAYS * STREAMS
  const calls = new PricedCalls(random, inputs, LIMIT, concurrent)
  const known = new Map<number, PricedCall>()
  // Each gateway is killed after a random part of what the streams of one wave send.
  const killAt = Array.from({ length: kills }, (_, index) => concurrent * (2 + 12 * index + random.below(12)))
  const started: Promise<void>[] = []
  const onToken = (sent: number) => {
    if (killAt[0] === undefined || sent < killAt[0]) return
    killAt.shift()
    fleet.kill(random.pick(fleet.running))
    if (killAt.length % 2 === 0) started.push(fleet.start(1))
  }
  const model = await MeteredModel.start(known, random, onToken)
  onTestFinished(() => rm(join(folder, `prices-${database}.yaml`), { force: true }))
  await writeFile(join(folder, `prices-${database}.yaml`), calls.yaml)
  const fleet = new GatewayFleet(await writeConfig(database, model.url, LIMIT))
  await fleet.start(GATEWAYS)
  const clients = new SpendingClients(fleet, calls, (call) => void known.set(call.id, call), model, random)
  const spendAll = await clients.open(STREAMS)
  expect(model.open).toBe(concurrent)
  model.release()
  await spendAll()
  await Promise.all(started)
  await fleet.stop()
  await until(async () => [...model.served.values()].every(({ state }) => state !== 'open'))

  const served = [...model.served.values()]
  const spent = sum(served.map(({ call, output }) => usedBy(call, output)))
  const unused = (call: PricedCall) =>
    reservedFor(call) -
    (model.served.has(call.id) ? usedBy(call, model.served.get(call.id)?.output ?? 0) : 0n)
  const cut = served.filter(({ state }) => state === 'cut').map(({ call }) => call)
  const isCut = new Set(cut)
  return {
    clients,
    spent,
    stored: await storedTotal(database, model.url),
    killed: kills - killAt.length,
    /** Reserved by streams that were open when their gateway was killed, beyond what they used. */
    open: sum(cut.map(unused)),
    /** The same for calls that a killed gateway may or may not have reserved or settled. */
    uncertain: sum(clients.uncertain.filter((call) => !isCut.has(call)).map(unused)),
    /** The most by which the input of one call was underestimated. */
    maxDebt: [...known.values()]
      .map((call) => usedBy(call, call.maxOutput) - reservedFor(call))
      .reduce(larger, 0n),
    refused: clients.sent.filter(({ outcome }) => outcome === 'refused').length,
    broken: clients.sent.filter(({ outcome }) => outcome === 'broken').length,
    cut: cut.length,
    complete: served.length - cut.length,
    concurrent,
  }
}

function sum(amounts: readonly bigint[]): bigint {
  return amounts.reduce((total, amount) => total + amount, 0n)
}

function larger(one: bigint, other: bigint): bigint {
  return one > other ? one : other
}

function report(
  title: string,
  { spent, stored, open, uncertain, ...counts }: Awaited<ReturnType<typeof run>>,
) {
  const { complete, cut, refused, killed, concurrent } = counts
  console.info(
    `${title}: ${GATEWAYS} gateways, ${concurrent} streams at once, seed ${seed}: ${complete} streams complete, ${cut} cut by ${killed} kills, ${refused} refusals; spent ${spent}, stored ${stored}, open reservations ${open} to ${open + uncertain} units of 10^-9 USD`,
  )
}

describe(`a limit of ${LIMIT} USD/day that ${GATEWAYS} gateways share in Redis`, {
  timeout: TIMEOUT_MS,
}, () => {
  it('is never exceeded by a unit, and equals what the model logged', async () => {
    const result = await run({ database: 0, inputs: 'estimated in full', kills: 0 })
    report('all alive', result)
    expect(result.broken).toBe(0)
    expect(result.refused).toBeGreaterThan(0)
    expect(result.spent).toBeLessThanOrEqual(LIMIT_UNITS)
    expect(result.stored).toBe(result.spent)
  })

  it('keeps the reservations of killed gateways charged, and nothing else beyond what the model logged', async () => {
    const result = await run({ database: 1, inputs: 'estimated in full', kills: Math.ceil(GATEWAYS / 2) })
    report('some killed', result)
    const { spent, stored, open, uncertain } = result
    expect(result.killed).toBe(Math.ceil(GATEWAYS / 2))
    expect(result.cut).toBeGreaterThan(0)
    expect(spent).toBeLessThanOrEqual(LIMIT_UNITS)
    expect(stored).toBeGreaterThanOrEqual(spent + open)
    expect(stored).toBeLessThanOrEqual(spent + open + uncertain)
    expect(stored).toBeLessThanOrEqual(LIMIT_UNITS)
  })

  it('is exceeded by no more than the underestimated input of the calls in flight', async () => {
    const result = await run({ database: 2, inputs: 'underestimated', kills: 0 })
    report('underestimated input', result)
    expect(result.stored).toBe(result.spent)
    expect(result.spent).toBeGreaterThan(LIMIT_UNITS)
    expect(result.spent).toBeLessThanOrEqual(LIMIT_UNITS + BigInt(result.concurrent) * result.maxDebt)
  })
})
