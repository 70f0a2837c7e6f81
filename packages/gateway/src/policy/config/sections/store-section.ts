import { type FailurePolicyName, memoryStore, withFailurePolicy } from 'sluice'
import { suggestOrList } from 'sluice/internal'
import { memcachedStore } from 'sluice/memcached'
import { redisStore } from 'sluice/redis'
import type { StoreConfig, StoreFailureConfig } from '../config.js'
import { made, mapOf, type Read } from '../yaml/decoders.js'
import type { Problems } from '../yaml/diagnostics.js'
import { duration, text, wholeNumber } from '../yaml/scalars.js'
import { described, type MapNode } from '../yaml/yaml-node.js'

/**
 * `store` and `on_store_failure`. The URL of a store may hold a password, also where it is wrong or in the wrong
 * place. So no message repeats what was written there.
 */

const DEFAULT_MAX_KEYS = 1_000_000
/** A Map of V8 holds 2^24 entries. */
const MAX_KEYS = 16_000_000

export const DEFAULT_STORE: StoreConfig = { kind: 'memory', maxKeys: DEFAULT_MAX_KEYS }
export const DEFAULT_STORE_FAILURE: StoreFailureConfig = { policy: 'local' }

const FORMS = [
  ...['memory', '{ memory: { max_keys: 1_000_000 } }', 'redis://host:6379/0', 'rediss://host:6379'],
  ...['redis+cluster://a:6379,b:6379', 'redis+sentinel://a:26379,b:26379/name', 'memcached://host:11211'],
].join(', ')

export const readStore: Read<StoreConfig> = (node, problems) => {
  if (node.kind === 'map') return readMemory(node, problems)
  const written = node.kind === 'scalar' && typeof node.value === 'string' ? node.value : ''
  if (written === 'memory') return DEFAULT_STORE
  const kind = /^(redis|memcached)(?=s?(\+[a-z]*)?:)/.exec(written)?.[1]
  if (kind === 'redis') return readRedisUrl(node, problems)
  if (kind === 'memcached') return readMemcachedUrl(node, problems)
  problems.at(node, `'store' is one of ${FORMS}; not ${written === '' ? described(node) : withheld(written)}`)
  return undefined
}

// The stores are made and thrown away for what they say of the URL; they connect at their first use.
const readRedisUrl: Read<StoreConfig> = made(text('redis://host:6379/0'), (url) => {
  redisStore(url)
  return { kind: 'redis', url }
})

const readMemcachedUrl: Read<StoreConfig> = made(text('memcached://host:11211'), (url) => {
  memcachedStore(url)
  return { kind: 'memcached', url }
})

/** What can be said of a text that may hold a password: a single word, or the scheme of a URL. */
function withheld(written: string): string {
  if (/^[a-z]{1,20}$/i.test(written)) return `'${written}'`
  const scheme = /^([a-z][a-z0-9+.-]{0,20}):\/\//i.exec(written)?.[1]
  return scheme === undefined ? 'this text' : `a URL that begins with ${scheme}://`
}

const memoryOptions = mapOf({ max_keys: wholeNumber(1, MAX_KEYS) }, 'a map such as { max_keys: 1_000_000 }')

function readMemory(node: MapNode, problems: Problems): StoreConfig | undefined {
  const memory = node.entries.get('memory')?.value
  if (memory === undefined || node.entries.size > 1) {
    const message = `a map as 'store' has 'memory' alone, and a URL stands by itself; 'store' is one of ${FORMS}`
    problems.at(node, message)
    return undefined
  }
  const values = memoryOptions(memory, problems)
  return values && { kind: 'memory', maxKeys: values.max_keys ?? DEFAULT_MAX_KEYS }
}

const POLICIES: readonly string[] = ['local', 'open', 'closed'] satisfies FailurePolicyName[]

function isPolicy(value: unknown): value is FailurePolicyName {
  return typeof value === 'string' && POLICIES.includes(value)
}

const readPolicy: Read<FailurePolicyName> = (node, problems) => {
  const value = node.kind === 'scalar' ? node.value : undefined
  if (isPolicy(value)) return value
  const meant = typeof value === 'string' ? suggestOrList(value, POLICIES) : ''
  problems.at(node, `${node.label} is local, open or closed, not ${described(node)}${meant}`)
  return undefined
}

const deadline: Read<number> = made(duration(), (milliseconds) => {
  withFailurePolicy(memoryStore(), { deadline: milliseconds })
  return milliseconds
})

const failureOptions = mapOf(
  {
    policy: readPolicy,
    peers: wholeNumber(1, 1_000_000),
    max_keys: wholeNumber(1, MAX_KEYS),
    deadline,
    failures: wholeNumber(1, 1000),
    max_waiting: wholeNumber(1, 1_000_000),
  },
  'local, open or closed, or a map such as { policy: local, peers: 4 }',
)

export const readStoreFailure: Read<StoreFailureConfig> = (node, problems) => {
  if (node.kind === 'scalar' && typeof node.value === 'string') {
    const policy = readPolicy(node, problems)
    return policy && { policy }
  }
  const values = failureOptions(node, problems)
  if (values === undefined || node.kind !== 'map') return undefined
  const { policy = 'local', max_keys: maxKeys, max_waiting: maxWaiting, ...others } = values
  if (policy !== 'local') for (const key of ['peers', 'max_keys']) tellLocalOnly(node, key, policy, problems)
  return {
    policy,
    ...others,
    ...(maxKeys !== undefined && { maxKeys }),
    ...(maxWaiting !== undefined && { maxWaiting }),
  }
}

function tellLocalOnly(node: MapNode, key: string, policy: FailurePolicyName, problems: Problems): void {
  const entry = node.entries.get(key)
  if (entry === undefined) return
  problems.add(
    entry.keyStart,
    `'${key}' goes with 'policy: local', which divides the limits; not with '${policy}'`,
  )
}
