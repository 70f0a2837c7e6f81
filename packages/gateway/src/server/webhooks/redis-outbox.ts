import { parseRedisUrl, RedisUrlConnection } from 'sluice/internal'
import { type ClaimedNotice, MAX_NOTICES, type Notice, type Outbox } from './outbox.js'

/** All keys share a slot, so one script can change several. */
const PREFIX = 'sluice:{webhooks}:'

/** How long undelivered notices are kept after the last one was added, in milliseconds: 30 days. */
const KEEP_MS = 30 * 86_400_000

const TIME = `
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)`

// The scripts use only commands that the store needs too, so its Redis user suffices.

// The keys are that of the ID, and three of each target: the due times, the bodies and the attempts.
const ADD = `${TIME}
local id, body = ARGV[1], ARGV[2]
if redis.call('GET', KEYS[1]) then return 0 end
for first = 2, #KEYS, 3 do
  if redis.call('ZCOUNT', KEYS[first], '-inf', '+inf') >= tonumber(ARGV[5]) then return -1 end
end
for first = 2, #KEYS, 3 do
  redis.call('ZADD', KEYS[first], now, id)
  redis.call('HSET', KEYS[first + 1], id, string.format('%.0f', now) .. ' ' .. body)
  redis.call('HSET', KEYS[first + 2], id, 0)
  for key = first, first + 2 do redis.call('PEXPIRE', KEYS[key], ARGV[4]) end
end
redis.call('PSETEX', KEYS[1], ARGV[3], 1)
return 1`

const CLAIM = `${TIME}
local claimed = {}
for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'LIMIT', 0, ARGV[2])) do
  local body = redis.call('HGET', KEYS[2], id)
  if body then
    local attempt = (tonumber(redis.call('HGET', KEYS[3], id)) or 0) + 1
    redis.call('ZADD', KEYS[1], now + tonumber(ARGV[1]), id)
    redis.call('HSET', KEYS[3], id, attempt)
    table.insert(claimed, id)
    table.insert(claimed, body)
    table.insert(claimed, tostring(attempt))
    table.insert(claimed, string.format('%.0f', now))
  else
    redis.call('ZREM', KEYS[1], id)
  end
end
return claimed`

const REMOVE = `
redis.call('ZREM', KEYS[1], ARGV[1])
redis.call('HDEL', KEYS[2], ARGV[1])
redis.call('HDEL', KEYS[3], ARGV[1])`

const POSTPONE = `${TIME}
redis.call('ZADD', KEYS[1], 'XX', now + tonumber(ARGV[2]), ARGV[1])`

/** An outbox in Redis that all gateways on the server share. It outlives every gateway. */
export class RedisOutbox implements Outbox {
  readonly #connection: RedisUrlConnection
  readonly volatile = 0

  /** Connects on first use. @param url the address of the store */
  constructor(url: string) {
    this.#connection = new RedisUrlConnection(parseRedisUrl(url))
  }

  async open(): Promise<void> {
    await this.#run('return 1', [`${PREFIX}open`], [])
  }

  async add({ id, body, rememberMs }: Notice, targets: readonly string[]) {
    const keys = [`${PREFIX}id:${id}`, ...targets.flatMap(keysOf)]
    const reply = await this.#run(ADD, keys, [id, body, rememberMs, KEEP_MS, MAX_NOTICES])
    if (Number(reply) < 0) return 'full'
    return Number(reply) === 1 ? 'added' : 'known'
  }

  async claim(target: string, leaseMs: number, max: number): Promise<readonly ClaimedNotice[]> {
    const reply = await this.#run(CLAIM, keysOf(target), [leaseMs, max])
    const values = Array.isArray(reply) ? reply.map(String) : []
    const claimed: ClaimedNotice[] = []
    for (let at = 0; at + 3 < values.length; at += 4) {
      const [id, entry, attempt, now] = values.slice(at, at + 4) as [string, string, string, string]
      const space = entry.indexOf(' ')
      const ageMs = Number(now) - Number(entry.slice(0, space))
      claimed.push({ id, body: entry.slice(space + 1), attempt: Number(attempt), ageMs })
    }
    return claimed
  }

  async remove(target: string, id: string): Promise<void> {
    await this.#run(REMOVE, keysOf(target), [id])
  }

  async postpone(target: string, id: string, delayMs: number): Promise<void> {
    await this.#run(POSTPONE, keysOf(target), [id, Math.ceil(delayMs)])
  }

  close(): Promise<void> {
    return this.#connection.close()
  }

  #run(script: string, keys: readonly string[], args: readonly (string | number)[]): Promise<unknown> {
    return this.#connection.run('eval', script, keys, args.map(String))
  }
}

function keysOf(target: string): string[] {
  return ['due', 'notices', 'attempts'].map((kind) => `${PREFIX}${target}:${kind}`)
}
