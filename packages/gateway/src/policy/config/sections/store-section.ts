import { type FailurePolicyName, memoryStore, withFailurePolicy } from 'sluice'
import { suggestOrList } from 'sluice/internal'
import { memcachedStore } from 'sluice/memcached'
import { redisStore } from 'sluice/redis'
import type { StoreConfig, StoreFailureConfig } from '../config.js'
import { type Decoder, mapOf, transform, withKeysOf } from '../yaml/decoders.js'
import type { Problems } from '../yaml/diagnostics.js'
import { duration, integer, string } from '../yaml/scalars.js'
import { describeNode, type MapNode, mismatch } from '../yaml/yaml-node.js'

const DEFAULT_MAX_KEYS = 1_000_000
/** A V8 Map holds at most 2^24 entries. */
const MAX_KEYS = 16_000_000

export const DEFAULT_STORE: StoreConfig = { kind: 'memory', maxKeys: DEFAULT_MAX_KEYS }
export const DEFAULT_STORE_FAILURE: StoreFailureConfig = { policy: 'local' }

const FORMS = [
  ...['memory', '{ memory: { max_keys: 1_000_000 } }', 'redis://host:6379/0', 'rediss://host:6379'],
  ...['redis+cluster://a:6379,b:6379', 'redis+sentinel://a:26379,b:26379/name', 'memcached://host:11211'],
].join(', ')

const memoryOptions = mapOf({ max_keys: integer(1, MAX_KEYS) }, 'a map such as { max_keys: 1_000_000 }')

/**
 * Decodes `store`. Messages never quote the value: a URL may contain a password, even if it is
 * invalid or under the wrong key.
 */
export const decodeStore: Decoder<StoreConfig> = withKeysOf(
  mapOf({ memory: memoryOptions }, FORMS),
  (node, problems) => {
    if (node.kind === 'map') return decodeMemory(node, problems)
    const written = node.kind === 'scalar' && typeof node.value === 'string' ? node.value : ''
    if (written === 'memory') return DEFAULT_STORE
    const kind = /^(redis|memcached)(?=s?(\+[a-z]*)?:)/.exec(written)?.[1]
    if (kind === 'redis') return redisUrl(node, problems)
    if (kind === 'memcached') return memcachedUrl(node, problems)
    const found = written === '' ? describeNode(node) : redacted(written)
    problems.at(node, `'store' must be one of ${FORMS}; not ${found}`)
    return undefined
  },
)

// Creating a store validates its URL; it connects on its first use.
const redisUrl: Decoder<StoreConfig> = transform(string('redis://host:6379/0'), (url) => {
  redisStore(url)
  return { kind: 'redis', url }
})

const memcachedUrl: Decoder<StoreConfig> = transform(string('memcached://host:11211'), (url) => {
  memcachedStore(url)
  return { kind: 'memcached', url }
})

/**
 * Describes a string that may contain a password: only a single word or the scheme of a URL is
 * shown.
 */
function redacted(written: string): string {
  if (/^[a-z]{1,20}$/i.test(written)) return `'${written}'`
  const scheme = /^([a-z][a-z0-9+.-]{0,20}):\/\//i.exec(written)?.[1]
  return scheme === undefined ? 'this string' : `a URL that begins with ${scheme}://`
}

function decodeMemory(node: MapNode, problems: Problems): StoreConfig | undefined {
  const memory = node.entries.get('memory')?.value
  if (memory === undefined || node.entries.size > 1) {
    const message = `as a map, 'store' can only have the key 'memory', and a URL must be written without a key; write one of ${FORMS}`
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

const policyName: Decoder<FailurePolicyName> = (node, problems) => {
  const value = node.kind === 'scalar' ? node.value : undefined
  if (isPolicy(value)) return value
  const suggestion = typeof value === 'string' ? suggestOrList(value, POLICIES) : ''
  problems.at(node, `${mismatch(node, 'local, open or closed')}${suggestion}`)
  return undefined
}

const deadline: Decoder<number> = transform(duration(), (milliseconds) => {
  withFailurePolicy(memoryStore(), { deadline: milliseconds })
  return milliseconds
})

const failureMap = mapOf(
  {
    policy: policyName,
    peers: integer(1, 1_000_000),
    max_keys: integer(1, MAX_KEYS),
    deadline,
    failures: integer(1, 1000),
    max_waiting: integer(1, 1_000_000),
  },
  'local, open or closed, or a map such as { policy: local, peers: 4 }',
)

/** Decodes `on_store_failure`: how requests are decided while the store does not respond. */
export const decodeStoreFailure: Decoder<StoreFailureConfig> = withKeysOf(failureMap, (node, problems) => {
  if (node.kind === 'scalar' && typeof node.value === 'string') {
    const policy = policyName(node, problems)
    return policy && { policy }
  }
  const values = failureMap(node, problems)
  if (values === undefined || node.kind !== 'map') return undefined
  const { policy = 'local', max_keys: maxKeys, max_waiting: maxWaiting, ...others } = values
  if (policy !== 'local')
    for (const key of ['peers', 'max_keys']) rejectWithoutLocal(node, key, policy, problems)
  return {
    policy,
    ...others,
    ...(maxKeys !== undefined && { maxKeys }),
    ...(maxWaiting !== undefined && { maxWaiting }),
  }
})

function rejectWithoutLocal(node: MapNode, key: string, policy: FailurePolicyName, problems: Problems): void {
  const entry = node.entries.get(key)
  if (entry === undefined) return
  problems.add(
    entry.keyStart,
    `'${key}' requires 'policy: local', which divides the limits between gateways; remove '${key}', or the policy '${policy}'`,
  )
}
