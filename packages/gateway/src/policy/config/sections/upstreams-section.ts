import type { Limit, Rule } from 'sluice'
import { MONEY, suggestOrList } from 'sluice/internal'
import { z } from 'zod'
import { headerName } from '../../headers/header-name.js'
import { costIn } from '../../llm/call-cost.js'
import { isTokenResource } from '../../llm/reservation.js'
import { isWorkUnit, workIn } from '../../llm/work.js'
import type { UpstreamCall } from '../../policy-request.js'
import type { UpstreamConfig, UpstreamRule } from '../config.js'
import type { LocatedRule } from '../limits/limit-entry.js'
import { limitsDecoder } from '../limits/limit-list.js'
import type { Algorithm } from '../limits/limit-shape.js'
import { FROM_CALL, upstreamWork } from '../limits/token-limits.js'
import {
  type Decoder,
  listOf,
  mapOf,
  oneOrListOf,
  recordOf,
  scalar,
  transform,
  withKeysOf,
} from '../yaml/decoders.js'
import type { Problems } from '../yaml/diagnostics.js'
import { duration, string } from '../yaml/scalars.js'
import { type ConfigNode, entryOf, isString, itemsOf, type MapNode, quote } from '../yaml/yaml-node.js'
import { upstreamTls, upstreamUrl } from './tls-section.js'

/** The name of the server that the key `upstream` names. */
export const DEFAULT_UPSTREAM = 'default'

/** The form of the names of upstreams, which appear in metrics. */
export const UPSTREAM_NAME = /^[A-Za-z][\w-]{0,62}$/

const MAX_UPSTREAMS = 100
const MAX_ADDRESSES = 32
const MAX_HEADERS = 20
const MAX_FALLBACKS = 10

/** Decodes the value of a header. Messages never show it, because it may be a credential. */
const headerValue: Decoder<string> = (node, problems) => {
  if (!isString(node)) {
    problems.at(node, `${node.label} must be a string; write numbers in quotes`)
    return undefined
  }
  if (/^[\x21-\x7e\x80-\xff](?:[\t\x20-\x7e\x80-\xff]{0,8190}[\x21-\x7e\x80-\xff])?$/.test(node.value))
    return node.value
  const rule = 'must have 1 to 8192 characters, without line breaks and without spaces at its ends'
  problems.at(node, `the value of the header ${node.label} ${rule}; the value is not shown`)
  return undefined
}

const headerMap = recordOf(headerValue, 'a map of headers such as { x-team: search }', MAX_HEADERS)

/** Decodes headers. Those that the gateway sets itself cannot be replaced. */
const decodeHeaders: Decoder<UpstreamConfig['headers'] & object> = withKeysOf(headerMap, (node, problems) => {
  if (node.kind === 'scalar') {
    problems.at(node, "'headers' must be a map of headers such as { x-team: search }; the value is not shown")
    return undefined
  }
  const values = headerMap(node, problems)
  if (values === undefined || node.kind !== 'map') return undefined
  const seen = new Set<string>()
  for (const [name, { keyStart }] of node.entries) {
    const folded = headerName(name).folded
    if (!/^[!#$%&'*+.^_`|~\w-]{1,64}$/.test(name))
      problems.add(keyStart, `${quote(name)} is not the name of a header; write, for example, authorization`)
    else if (!headerName(name).toUpstream || folded === 'accept-encoding' || folded === 'content-type')
      problems.add(keyStart, `the header '${name}' cannot be set, because the gateway determines it itself`)
    else if (seen.has(folded)) problems.add(keyStart, `the header '${name}' is set twice; keep one of them`)
    seen.add(folded)
  }
  return Object.entries(values)
})

const decodeHealth = mapOf(
  {
    path: transform(string('/health'), (path) => {
      if (!/^\/[\x21-\x7e]{0,1023}$/.test(path) || path.includes('#'))
        throw new TypeError("'path' must be a path such as /health")
      return path
    }),
    every: transform(duration(), (milliseconds) => {
      if (milliseconds < 100 || milliseconds > 3_600_000)
        throw new RangeError("'every' must be from 100ms to 1h, such as 5s")
      return Math.ceil(milliseconds)
    }),
  },
  'a map such as { path: /health, every: 5s }',
)

const DEFAULT_CHECK_INTERVAL_MS = 5000

function entryDecoder(algorithm: Algorithm | undefined) {
  return mapOf(
    {
      url: upstreamUrl,
      urls: listOf(upstreamUrl, 'a list of URLs such as [http://10.0.0.6:8000]', MAX_ADDRESSES),
      tls: upstreamTls,
      headers: decodeHeaders,
      fallback: oneOrListOf(string('vllm'), 'the name of an upstream, or a list of names', MAX_FALLBACKS),
      fallback_on: listOf(
        scalar(
          z.int().refine((status) => status === 429 || (status >= 500 && status <= 599)),
          '429, or a status from 500 to 599',
        ),
        'a list of statuses such as [429, 503]',
        20,
      ),
      health: decodeHealth,
      limits: limitsDecoder({ params: [] }, algorithm),
    },
    'a map such as { url: http://10.0.0.5:8000 }',
  )
}

/**
 * Creates the decoder of `upstreams`: the servers that routes choose by name.
 *
 * @param algorithm the algorithm of limits without their own, if it is not a token bucket
 */
export function upstreamsDecoder(
  algorithm: Algorithm | undefined,
): Decoder<Readonly<Record<string, UpstreamConfig>>> {
  const decodeEntry = entryDecoder(algorithm)
  const decodeMap = recordOf(
    withKeysOf(decodeEntry, (node, problems) => {
      const values = decodeEntry(node, problems)
      return values && node.kind === 'map' ? upstreamOf(values, node, problems) : undefined
    }),
    'a map such as { vllm: { url: http://10.0.0.5:8000 } }',
    MAX_UPSTREAMS,
  )
  return withKeysOf(decodeMap, (node, problems) => {
    const upstreams = decodeMap(node, problems)
    if (upstreams === undefined || node.kind !== 'map') return undefined
    for (const [name, { keyStart }] of node.entries)
      if (name === DEFAULT_UPSTREAM)
        problems.add(keyStart, "the name 'default' is that of 'upstream'; choose another name")
      else if (!UPSTREAM_NAME.test(name))
        problems.add(
          keyStart,
          `${quote(name)} is not a valid name; use up to 63 letters, digits, '-' and '_', beginning with a letter`,
        )
    return withFallbackOrder(upstreams, node, problems)
  })
}

/** Returns the names that routes and fallbacks can use. */
export function upstreamNames(root: ConfigNode): readonly string[] {
  const node = entryOf(root, 'upstreams')
  return [...(node?.kind === 'map' ? node.entries.keys() : []), DEFAULT_UPSTREAM]
}

function upstreamOf(
  values: NonNullable<ReturnType<ReturnType<typeof entryDecoder>>>,
  node: MapNode,
  problems: Problems,
): UpstreamConfig | undefined {
  const { url, urls, tls, headers, fallback, fallback_on: fallbackOn, health, limits } = values
  const has = (key: string) => node.entries.has(key)
  const at = (key: string) => node.entries.get(key)?.value ?? node
  if (has('url') === has('urls'))
    problems.at(node, "an upstream requires either 'url' or 'urls', as in { url: http://10.0.0.5:8000 }")
  if (urls?.length === 0) problems.at(at('urls'), "'urls' is empty; write at least one URL")
  if (urls !== undefined && new Set(urls).size < urls.length)
    problems.at(at('urls'), "'urls' has the same URL twice; remove one of them")
  const addresses = url === undefined ? (urls ?? []) : [url]
  if (tls !== undefined && addresses.some((address) => address.startsWith('http:')))
    problems.at(at('tls'), "'tls' requires an upstream with https:; change the URL, or remove 'tls'")
  if (has('fallback_on') && !has('fallback'))
    problems.at(at('fallback_on'), "'fallback_on' requires 'fallback', such as fallback: vllm")
  if (health !== undefined && health.path === undefined && !nodeHas(at('health'), 'path'))
    problems.at(at('health'), "'health' requires 'path', as in { path: /health }")
  const rules = limits?.flatMap((limit) => ruleOf(limit, problems) ?? [])
  return {
    urls: addresses,
    ...(tls && { tls }),
    ...(headers && { headers }),
    ...(fallback && { fallback }),
    ...(fallbackOn && { fallbackOn }),
    ...(health?.path !== undefined && {
      health: { path: health.path, everyMs: health.every ?? DEFAULT_CHECK_INTERVAL_MS },
    }),
    ...(rules && { rules }),
  }
}

function nodeHas(node: ConfigNode, key: string): boolean {
  return entryOf(node, key) !== undefined
}

/** The keys of a limit that depend on the client or on the rest of the request. */
const KEYS_OF_ROUTES = [
  ...(['by', 'when', 'cost', 'fallback_cost', 'shared'] as const),
  ...(['tiers', 'visible', 'soft', 'class', 'classes'] as const),
]

/** Reports whether the limits of upstreams know a part of a key. */
function isTenant(part: string | undefined): boolean {
  return part === undefined || part === 'client' || part === 'ip' || part.startsWith('client.')
}

/** Returns the rule of an upstream's limit, which counts all requests to the upstream together. */
function ruleOf({ rule, node }: LocatedRule, problems: Problems): UpstreamRule | undefined {
  const misplaced = KEYS_OF_ROUTES.filter((key) => nodeHas(node, key))
  for (const key of misplaced)
    problems.at(
      entryOf(node, key) ?? node,
      `'${key}' does not apply to a limit of an upstream, which counts all requests to it together; remove '${key}'`,
    )
  const fair = 'fair' in rule ? rule.fair : undefined
  if ([fair].flat().some((part) => typeof part === 'function' || !isTenant(part)))
    problems.at(
      entryOf(node, 'fair') ?? node,
      "the 'fair' of an upstream must be client, client.LABEL or ip; be fair by other keys on the routes",
    )
  const bound = 'concurrent' in rule ? rule.concurrent : rule.limit
  if (typeof bound === 'function') {
    const key = 'concurrent' in rule ? 'concurrent' : 'limit'
    problems.at(
      entryOf(node, key) ?? node,
      `the '${key}' of an upstream must be fixed; write it without an expression`,
    )
    return undefined
  }
  if (misplaced.length > 0) return undefined
  const resource = 'of' in rule ? rule.of : undefined
  if (resource === MONEY) {
    problems.at(
      entryOf(node, 'of') ?? node,
      'a limit of an upstream cannot count money; limit it on the routes, or count tokens here',
    )
    return undefined
  }
  const work = upstreamWork(rule)
  const fixed: UpstreamRule = {
    ...(rule as Rule<never> as UpstreamRule),
    by: 'everyone',
    ...(work && { work }),
  }
  if (!isTokenResource(resource) && !isWorkUnit(resource)) return fixed
  // A request that is not metered as a model call costs nothing.
  const cost = ({ call }: UpstreamCall, limit: Limit) => {
    if (call === undefined) return 0
    return isWorkUnit(resource) ? workIn(resource, call.parameters) : costIn(resource, call, limit)
  }
  return { ...fixed, cost: Object.assign(cost, FROM_CALL) }
}

/**
 * Replaces the fallbacks of each upstream by the complete order in which they are tried: each
 * fallback is followed by its own fallbacks. Reports unknown names and loops.
 */
function withFallbackOrder(
  upstreams: Readonly<Record<string, UpstreamConfig>>,
  node: MapNode,
  problems: Problems,
): Readonly<Record<string, UpstreamConfig>> {
  const known = [...Object.keys(upstreams), DEFAULT_UPSTREAM]
  const nodesOf = (name: string) => itemsOf(entryOf(node.entries.get(name)?.value, 'fallback'))
  let isValid = true
  const report = (at: ConfigNode | undefined, message: string) => {
    isValid = false
    problems.at(at ?? node, message)
  }
  for (const [name, { fallback = [] }] of Object.entries(upstreams))
    for (const [index, next] of fallback.entries()) {
      const at = nodesOf(name)[index]
      if (!known.includes(next)) report(at, `unknown upstream '${next}'${suggestOrList(next, known)}`)
      else if (leadsTo(next, name, upstreams))
        report(at, `the fallback '${next}' leads back to '${name}'; remove one of the fallbacks of this loop`)
    }
  if (!isValid) return upstreams
  return Object.fromEntries(
    Object.entries(upstreams).map(([name, upstream]) => {
      const { fallback: _, ...others } = upstream
      const order = [...orderFrom(name, upstreams)]
      return [name, order.length === 0 ? others : { ...others, fallback: order }]
    }),
  )
}

/** Returns the fallbacks of an upstream, each followed by its own. Adds them to `order`. */
function orderFrom(
  name: string,
  upstreams: Readonly<Record<string, UpstreamConfig>>,
  order = new Set<string>(),
): ReadonlySet<string> {
  for (const next of upstreams[name]?.fallback ?? []) {
    if (order.has(next)) continue
    order.add(next)
    orderFrom(next, upstreams, order)
  }
  return order
}

/** Reports whether the fallbacks of an upstream, or the upstream itself, include another one. */
function leadsTo(from: string, target: string, upstreams: Readonly<Record<string, UpstreamConfig>>): boolean {
  const seen = new Set<string>()
  const pending = [from]
  for (let name = pending.pop(); name !== undefined; name = pending.pop()) {
    if (name === target) return true
    if (seen.has(name)) continue
    seen.add(name)
    pending.push(...(upstreams[name]?.fallback ?? []))
  }
  return false
}
