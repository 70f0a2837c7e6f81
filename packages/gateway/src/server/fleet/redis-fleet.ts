import { randomUUID } from 'node:crypto'
import { type FleetReport, parseRedisUrl, type RedisConnection, RedisUrlConnection } from 'sluice/internal'
import { z } from 'zod'

/** A hash with the report of each gateway, and when it came. The keys of limits start with `sluice:v2:`. */
const KEY = 'sluice:lines:v1'
/** A report that is older than this no longer counts, in milliseconds. */
const MAX_AGE_MS = 5_000
const EXPIRY_MS = 60_000
/** Maximum length of the report of another gateway, in bytes. Those of this version are shorter. */
const MAX_REPORT = 1_000_000
/** Maximum number of other gateways whose reports are read. */
const MAX_GATEWAYS = 64

/** Replaces the report of a gateway, and returns those of the others. An empty one is removed. */
const EXCHANGE = `local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if ARGV[2] == '' then redis.call('HDEL', KEYS[1], ARGV[1])
else redis.call('HSET', KEYS[1], ARGV[1], string.format('%.0f', now) .. ' ' .. ARGV[2]) end
redis.call('PEXPIRE', KEYS[1], ${EXPIRY_MS})
local all = redis.call('HGETALL', KEYS[1])
local others = {}
for index = 1, #all, 2 do
  local space = string.find(all[index + 1], ' ', 1, true)
  local at = space and tonumber(string.sub(all[index + 1], 1, space - 1))
  if not at or now - at > ${MAX_AGE_MS} then redis.call('HDEL', KEYS[1], all[index])
  elseif all[index] ~= ARGV[1] then
    others[#others + 1] = all[index]
    others[#others + 1] = string.sub(all[index + 1], space + 1)
  end
end
return others`

const REPORT = z.record(
  z.string(),
  z.array(
    z.object({
      at: z.number(),
      least: z.number().nullable(),
      time: z.number(),
      served: z.record(z.string(), z.tuple([z.number(), z.number()])),
    }),
  ),
)

/** Exchanges reports on lines between gateways. */
export interface Fleet {
  /**
   * Replaces the report of this gateway, and returns those of the others. Rejects if the store is
   * unavailable.
   *
   * @param report undefined if there is nothing to report
   */
  exchange(report: FleetReport | undefined): Promise<ReadonlyMap<string, FleetReport>>
  close(): Promise<void>
}

/** Exchanges reports through Redis, in one call. Those of gateways that stopped expire after 5 s. */
export class RedisFleet implements Fleet {
  readonly #gateway = randomUUID()
  readonly #connection: RedisConnection

  /** Connects on first use. @param url the address of the store */
  constructor(url: string) {
    this.#connection = new RedisUrlConnection(parseRedisUrl(url))
  }

  async exchange(report: FleetReport | undefined): Promise<ReadonlyMap<string, FleetReport>> {
    const text = report === undefined ? '' : JSON.stringify(report)
    const reply = (await this.#connection.run('eval', EXCHANGE, [KEY], [this.#gateway, text])) as Buffer[]
    const reports = new Map<string, FleetReport>()
    for (let index = 0; index + 1 < reply.length && reports.size < MAX_GATEWAYS; index += 2) {
      const other = reportIn(reply[index + 1] as Buffer)
      if (other !== undefined) reports.set(String(reply[index]), other)
    }
    return reports
  }

  close(): Promise<void> {
    return this.#connection.close()
  }
}

/** Reads a report; undefined if a gateway of another version wrote something else. */
function reportIn(bytes: Buffer): FleetReport | undefined {
  if (bytes.length > MAX_REPORT) return undefined
  try {
    return REPORT.parse(JSON.parse(bytes.toString('utf8')))
  } catch {
    return undefined
  }
}
