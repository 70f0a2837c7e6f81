import { type ConcurrencyRule, formatDuration, formatLimit, type RateRule, type Rule } from 'sluice'
import { formatUnits, isAutomatic } from 'sluice/internal'
import type { ClientList } from '../acts/access-list.js'
import type { ModelAccess } from '../model-access.js'
import { canAct } from './act-state.js'
import {
  DEFAULT_FALLBACK_ON,
  type Endpoint,
  type ForwardedIdentity,
  type GatewayConfig,
  type OtlpConfig,
  type PolicyConfig,
  patternsOf,
  type RouteConfig,
  type ServerTls,
  type UpstreamConfig,
} from './config.js'
import { limitsOf } from './limits/limit-string.js'
import { describePrices } from './prices/describe-prices.js'
import { countsMoney } from './prices/money-limits.js'
import { UPSTREAM_NAME } from './sections/upstreams-section.js'
import { serverLimits } from './server-limits.js'
import { shownUrl } from './shown-url.js'
import { describeSpend } from './spend-state.js'
import { storeAddress } from './store-address.js'
import { formatEndpoint } from './yaml/endpoint.js'
import { formatSize } from './yaml/sizes.js'

/** Summarizes a configuration in a few lines: its addresses, and the limits of each route. */
export function describeConfig(config: GatewayConfig): string[] {
  const {
    listen,
    workers,
    admin,
    probes,
    upstream,
    usage,
    telemetry,
    webhooks = [],
    routes,
    fallback,
  } = config
  const width = Math.max(...[...routes, { name: 'default' }].map(({ name }) => name.length))
  const line = (name: string, description: string) => `  ${name.padEnd(width)}  ${description}`
  return [
    `  ${describeListener(listen)} -> ${upstream}, admin ${admin === undefined ? 'off' : describeListener(admin)}`,
    ...(probes === undefined ? [] : [`  probes and metrics without a token on ${formatEndpoint(probes)}`]),
    ...(workers === 1 ? [] : [`  ${workers} worker processes`]),
    `  ${describeServer(config)}`,
    ...describeStore(config),
    ...describeIdentity(config),
    ...describeClients('refused', config.deny),
    ...describeClients('never limited', config.allow),
    ...describeActs(config),
    ...(usage === undefined ? [] : [`  clients see their usage at ${usage.pattern.source}`]),
    ...webhooks.map(({ url }) => `  thresholds are sent to ${shownUrl(url)}`),
    ...describePrices(config),
    ...describeSpend(config),
    ...(telemetry?.otlp === undefined ? [] : [describeOtlp(telemetry.otlp)]),
    ...Object.entries(config.upstreams ?? {}).map(describeUpstream),
    ...routes.map((route) => line(route.name, `${describeMatch(route)}${describePolicy(route)}`)),
    line('default', fallback === 'deny' ? 'deny' : describePolicy(fallback)),
  ]
}

/** Describes the patterns of a route that its name does not state. */
function describeMatch(route: RouteConfig): string {
  const sources = patternsOf(route).map(({ source }) => source)
  return sources.length === 1 && sources[0] === route.name ? '' : `${sources.join(', ')}: `
}

/**
 * Describes an upstream, as in `upstream openai: https://api.openai.com, sets authorization, falls
 * back to vllm after 429`. Shows neither paths nor the values of headers, which may be secret.
 */
function describeUpstream([name, upstream]: readonly [name: string, upstream: UpstreamConfig]): string {
  const { urls, headers = [], fallback = [], fallbackOn = DEFAULT_FALLBACK_ON, health, rules = [] } = upstream
  const origins = urls.map((url) => new URL(url).origin)
  const described = [
    origins.join(' and '),
    ...(headers.length === 0 ? [] : [`sets ${headers.map(([header]) => header).join(' and ')}`]),
    ...(health === undefined ? [] : [`checked every ${formatDuration(health.everyMs)}`]),
    ...(fallback.length === 0
      ? []
      : [
          `falls back to ${fallback.join(', then ')} if it cannot be reached, or after ${fallbackOn.join(' or ')}`,
        ]),
  ].join(', ')
  const label = UPSTREAM_NAME.test(name) ? name : 'of a route'
  return [`  upstream ${label}: ${described}`, ...rules.map(describeRule)].join('; ')
}

function describeOtlp({ endpoint, traces, metrics }: OtlpConfig): string {
  const signals = [traces ? 'traces' : [], metrics ? 'metrics' : []].flat().join(' and ')
  return `  exports ${signals} over OTLP${endpoint === undefined ? '' : ` to ${endpoint}`}`
}

function describeListener(listener: Endpoint & { readonly tls?: ServerTls }): string {
  const { tls } = listener
  if (tls === undefined) return formatEndpoint(listener)
  return `${formatEndpoint(listener)} (TLS${tls.ca === undefined ? '' : ' with client certificates'})`
}

/**
 * Describes the limits of the server. Limits that are not configured are derived from the resources
 * of this process.
 */
function describeServer(config: GatewayConfig): string {
  const { maxConnections, maxBodyMemory } = serverLimits(config)
  return `at most ${maxConnections} connections, and ${formatSize(maxBodyMemory)} of request bodies in memory`
}

/** Maximum number of clients that are named. */
const MAX_NAMED = 5

/** Describes the clients of `deny` or `allow`. */
function describeClients(effect: string, list: ClientList = { clients: [], addresses: [] }): string[] {
  const all = [...list.addresses, ...list.clients.map((id) => `client ${id}`)]
  if (all.length === 0) return []
  const more = all.length > MAX_NAMED ? ` and ${all.length - MAX_NAMED} more` : ''
  return [`  ${effect}: ${all.slice(0, MAX_NAMED).join(', ')}${more}`]
}

/** Describes where the acts of operators are kept, if there can be any. */
function describeActs({ admin, store, state }: GatewayConfig): string[] {
  if (store.kind === 'redis') return canAct(admin) ? ['  acts of operators are kept in Redis'] : []
  if (state !== undefined) return [`  acts of operators are kept in ${state}`]
  return canAct(admin) ? ["  acts of operators end with the process; 'state' names a file to keep them"] : []
}

/** Describes the store; returns no line for the memory store. */
function describeStore({ store, onStoreFailure: { policy, peers } }: GatewayConfig): string[] {
  if (store.kind === 'memory') return []
  const divided = peers === undefined ? '' : `, limits divided by ${peers}`
  return [`  store ${storeAddress(store)}, ${policy} while unavailable${divided}`]
}

/** Describes how clients are identified, and the tiers. Returns no line if there are neither. */
function describeIdentity({ identity, tiers }: GatewayConfig): string[] {
  const { apiKeys, apiKeyHeaders = [], jwt, proxyHeaders, forward } = identity
  const credentials = [
    ...(apiKeys === undefined
      ? []
      : [
          `API keys in ${apiKeys.kind === 'file' ? apiKeys.file : 'the store'}${apiKeyHeaders.length === 0 ? '' : ` (also in ${apiKeyHeaders.join(', ')})`}`,
        ]),
    ...(jwt === undefined ? [] : [`tokens signed with ${shownUrl(jwt.jwks)}`]),
    ...(proxyHeaders === undefined ? [] : [`${proxyHeaders.client} of a trusted proxy`]),
  ]
  const tierLimits = Object.entries(tiers).map(([tier, limit]) => `${tier} ${describeTier(limit)}`)
  return [
    ...(credentials.length === 0 ? [] : [`  clients identified by ${credentials.join(', ')}`]),
    ...(forward === undefined ? [] : [`  the upstream receives ${describeForward(forward)}`]),
    ...(tierLimits.length === 0 ? [] : [`  tiers: ${tierLimits.join(', ')}`]),
  ]
}

function describeForward({ client, tier }: ForwardedIdentity): string {
  return [
    ...(client === undefined ? [] : [`the client in ${client}`]),
    ...(tier === undefined ? [] : [`the tier in ${tier}`]),
  ].join(' and ')
}

function describePolicy(policy: PolicyConfig): string {
  const { rules, allow = [], require: requirement, warmUp, bodyTypes, onUnreadable } = policy
  const { models, upstream } = policy
  return [
    ...(upstream === undefined ? [] : [`to ${sourceOf(upstream)}`]),
    ...(requirement === undefined ? [] : [`only if ${sourceOf(requirement)}`]),
    ...(models === undefined ? [] : describeModels(models)),
    ...(rules.length === 0 ? ['not limited'] : rules.map(describeRule)),
    ...(allow.length === 0 ? [] : [`not limited for ${allow.join(' and ')}`]),
    ...(warmUp === undefined
      ? []
      : [
          `starting at ${warmUp.from} of the limits until the model at ${shownUrl(warmUp.ready)} has warmed up`,
        ]),
    ...(bodyTypes === undefined ? [] : [`reads bodies of type ${bodyTypes.list.join(' or ')}`]),
    ...(isBedrock(policy) ? ['requires Bedrock API keys, since AWS signatures name the host'] : []),
    ...(onUnreadable === 'pass' ? ['forwards requests that rules cannot read'] : []),
  ].join('; ')
}

function describeModels({ allow, alias }: ModelAccess): string[] {
  const aliases = [...(alias ?? [])].map(([name, model]) => `${name} for ${model}`)
  return [
    ...(allow === undefined ? [] : [`only models ${sourceOf(allow)}`]),
    ...(aliases.length === 0 ? [] : [`models ${aliases.join(', ')}`]),
  ]
}

function isBedrock({ llm, errorShape }: PolicyConfig): boolean {
  if (llm === undefined) return false
  return errorShape === 'bedrock' || (typeof llm.shape === 'object' && llm.shape.vendor === 'bedrock')
}

/** Describes a rule, as in `100/minute tokens by ip + params.model, cost size(body.data)`. */
function describeRule(rule: Rule<never>): string {
  const limits = 'concurrent' in rule ? describeConcurrency(rule) : describeRate(rule)
  return [
    `${limits} by ${describeKey(rule.by)}`,
    ...(rule.when === undefined ? [] : [`only when ${sourceOf(rule.when)}`]),
    ...labelCondition(rule.by),
    ...(rule.cost === undefined ? [] : [`cost ${describeCost(rule, rule.cost)}`]),
    ...(rule.fallbackCost === undefined ? [] : [`or ${describeCost(rule, rule.fallbackCost)} if unreadable`]),
    ...Object.entries(rule.tiers ?? {}).map(([tier, limit]) => `${tier} ${describeTier(limit)}`),
    ...('wait' in rule ? [`waits up to ${formatDuration(Number(rule.wait))}`] : []),
    ...('fair' in rule ? describeFairness(rule) : []),
    ...('class' in rule ? describeClasses(rule) : []),
    ...('firstToken' in rule && rule.firstToken !== undefined
      ? [`responses begin within ${formatDuration(Number(rule.firstToken))}`]
      : []),
    ...('penalty' in rule && rule.penalty !== undefined ? [describePenalty(rule)] : []),
    ...('warn' in rule && rule.warn !== undefined ? [`warns at ${rule.warn.map(String).join(' and ')}`] : []),
    ...('soft' in rule && rule.soft === true ? ['soft'] : []),
    ...(rule.enforce === false ? ['not enforced'] : []),
  ].join(', ')
}

function describeFairness({ fair, weights = {} }: ConcurrencyRule<never>): string[] {
  if (fair === undefined) return []
  const shares = Object.entries(weights).map(([tier, weight]) => `${tier} ${weight}`)
  return [`fair by ${describeKey(fair)}${shares.length === 0 ? '' : ` with weights ${shares.join(', ')}`}`]
}

function describeClasses({ class: classOf, classes = [] }: ConcurrencyRule<never>): string[] {
  if (classOf === undefined) return []
  const names = classes.map((each) => (typeof each === 'string' ? each : Object.keys(each).join()))
  return [`in the order of the classes ${names.join(', ')} by ${sourceOf(classOf)}`]
}

/** Describes the clients that a rule by labels applies to. */
function labelCondition(by: Rule<never>['by']): string[] {
  const labels = [by]
    .flat()
    .flatMap((part) => (typeof part === 'string' && part.startsWith('client.') ? [part] : []))
  return labels.length === 0 ? [] : [`only for clients with ${labels.join(' and ')}`]
}

/** Describes a cost: an expression, a number of units, or an amount of money in the currency of the limit. */
function describeCost(rule: Rule<never>, cost: unknown): string {
  return typeof cost === 'number' && countsMoney(rule) ? formatUnits(cost) : sourceOf(cost)
}

/** Describes a penalty, as in `penalty of 15 minutes, growing 2 times each up to 1 day`. */
function describePenalty({ penalty, penaltyGrowth, penaltyMax }: RateRule<never>): string {
  const first = `penalty of ${formatDuration(Number(penalty))}`
  if (penaltyGrowth === undefined) return first
  return `${first}, growing ${penaltyGrowth} times each up to ${formatDuration(Number(penaltyMax))}`
}

function describeTier(limit: unknown): string {
  return typeof limit === 'number' ? `${limit} times the limit` : String(limit)
}

function describeRate(rule: RateRule<never>): string {
  const { limit, algorithm, align, timeZone: time_zone } = rule
  const limits =
    typeof limit === 'function'
      ? sourceOf(limit)
      : limitsOf({ limit, algorithm, align, time_zone }).map(formatLimit).join(' and ')
  const zone = time_zone === undefined ? '' : ` of ${time_zone}`
  const implied = align !== undefined || countsMoney(rule) ? 'fixed-window' : 'token-bucket'
  const counting = [algorithm ?? implied, ...(align === undefined ? [] : [`${align}${zone}`])]
  return `${limits}${rule.of === undefined ? '' : ` ${rule.of}`} (${counting.join(', ')})`
}

function describeConcurrency({ concurrent }: ConcurrencyRule<never>): string {
  if (!isAutomatic(concurrent)) return `${sourceOf(concurrent)} concurrent`
  const { max, replicas, gap, keep, hidden, metrics } = concurrent === 'auto' ? {} : concurrent.auto
  const details = [
    ...(max === undefined ? [] : [`at most ${max}`]),
    ...(replicas === undefined ? [] : [`${replicas} replicas`]),
    ...(gap === undefined ? [] : [`${formatDuration(Number(gap))} per token`]),
    ...(keep === undefined ? [] : [`keeps ${keep}`]),
    ...(hidden === true ? ['hidden work'] : []),
    ...(metrics === undefined ? [] : [`reads ${metrics}`]),
  ]
  return `concurrent as the server takes requests${details.length === 0 ? '' : ` (${details.join(', ')})`}`
}

/** Describes the key of a rule, as in `ip + params.model`. */
export function describeKey(by: Rule<never>['by']): string {
  if (by === undefined) return 'client'
  return typeof by === 'object' ? by.map(sourceOf).join(' + ') : sourceOf(by)
}

/** Returns a value as written: a name, a number or an expression. */
function sourceOf(value: unknown): string {
  return typeof value === 'function' && 'source' in value ? String(value.source) : String(value)
}
