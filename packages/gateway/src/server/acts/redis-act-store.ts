import { parseRedisUrl, type RedisConnection, RedisUrlConnection } from 'sluice/internal'
import { type ActSet, entriesOf, NO_ACTS, readActs } from '../../policy/acts/act-set.js'
import type { ActStore } from './act-store.js'

/** The hash with the set. The keys of limits start with `sluice:v2:`. */
const KEY = 'sluice:acts:v1'

/** Returns the version, and the acts if the version differs from the known one. */
const READ = `local version = redis.call('HGET', KEYS[1], 'version')
if not version or version == ARGV[1] then return {version} end
return {version, redis.call('HGET', KEYS[1], 'acts')}`

/** Replaces the set if its version is the expected one. */
const REPLACE = `local version = redis.call('HGET', KEYS[1], 'version') or '${NO_ACTS.version}'
if version ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], 'version', ARGV[2], 'acts', ARGV[3])
return 1`

/** Keeps acts in one hash in Redis, for all gateways that use the server. */
export class RedisActStore implements ActStore {
  readonly isShared = true
  readonly isRemote = true
  readonly #connection: RedisConnection

  constructor(url: string) {
    this.#connection = new RedisUrlConnection(parseRedisUrl(url))
  }

  async read(known: string): Promise<ActSet | 'unchanged' | undefined> {
    const reply = await this.#connection.run('eval', READ, [KEY], [known])
    const [version, acts] = (reply as (Buffer | null)[]).map((part) => part?.toString('utf8'))
    if (version === undefined) return undefined
    return version === known ? 'unchanged' : readActs(version, parsedJson(acts))
  }

  async replace(expected: string, next: ActSet): Promise<boolean> {
    const args = [expected, next.version, JSON.stringify(entriesOf(next))]
    return (await this.#connection.run('eval', REPLACE, [KEY], args)) === 1
  }

  close(): Promise<void> {
    return this.#connection.close()
  }
}

function parsedJson(text: string | undefined): unknown {
  try {
    return JSON.parse(text ?? '')
  } catch {
    throw new TypeError(`the key ${KEY} does not contain acts of the gateway`)
  }
}
