import { SERVER_PRESETS, type ServerFigures } from 'sluice-gateway/replay'
import type { LengthSource } from './arrivals/lengths.js'
import { Random } from './arrivals/random.js'
import { StaticGate } from './contenders/gates/static-gate.js'
import { FirstComeLine } from './contenders/lines/first-come-line.js'
import { simulate } from './simulation/simulate.js'

const A100 = SERVER_PRESETS['llama-3.1-8b-a100']

/** A model server, and how many replicas the gateway is told. */
export interface NamedServer {
  readonly name: string
  readonly figures: ServerFigures
}

export const SLOTS_256: NamedServer = { name: '256 slots', figures: A100 }
export const SLOTS_48: NamedServer = { name: '48 slots', figures: { ...A100, maxSeqs: 48 } }
const REPLICAS_4: NamedServer = { name: '4 replicas', figures: { ...A100, replicas: 4 } }
const H100_14B: NamedServer = { name: 'H100, 14B', figures: SERVER_PRESETS['qwen3-14b-h100'] }
const REPLICAS_2: NamedServer = {
  name: '2 × 96 slots',
  figures: { ...A100, maxSeqs: 96, replicas: 2 },
}

/** The servers on which limits on the requests in flight are compared. */
export const SERVERS: readonly NamedServer[] = [SLOTS_256, SLOTS_48, REPLICAS_4, H100_14B, REPLICAS_2]

/** Returns a server that is faster by a factor. */
export function faster(figures: ServerFigures, factor: number): ServerFigures {
  const { fixedMs, perPrefillTokenMs, perRequestMs } = figures.step
  const step = {
    fixedMs: fixedMs / factor,
    perPrefillTokenMs: perPrefillTokenMs / factor,
    perRequestMs: perRequestMs / factor,
  }
  return { ...figures, step }
}

const CAPACITY_SEED = 1_000
const CAPACITY_WARM_UP_MS = 60_000
const CAPACITY_UNTIL_MS = 180_000
const CAPACITY_BACKLOG = 5_000

const capacities = new Map<string, number>()

/** Returns how many requests of the given lengths a server completes per second when many wait. */
export function capacityOf(
  { name, figures }: NamedServer,
  lengthsName: string,
  lengths: LengthSource,
): number {
  const key = `${name} ${lengthsName}`
  const capacity = capacities.get(key) ?? measureCapacity(figures, lengths)
  capacities.set(key, capacity)
  return capacity
}

function measureCapacity(server: ServerFigures, lengths: LengthSource): number {
  const next = lengths(new Random(CAPACITY_SEED))
  const count = CAPACITY_BACKLOG * server.replicas
  const arrivals = Array.from({ length: count }, () => ({ at: 0, tenant: 'all', ...next() }))
  const { requests } = simulate({
    arrivals,
    server,
    line: new FirstComeLine(),
    gate: new StaticGate(2 * server.maxSeqs * server.replicas),
    untilMs: CAPACITY_UNTIL_MS,
  })
  const ends = requests.flatMap(({ endedAt = 0 }) => (endedAt > CAPACITY_WARM_UP_MS ? [endedAt] : []))
  return ends.length / ((Math.max(...ends) - CAPACITY_WARM_UP_MS) / 1000)
}
