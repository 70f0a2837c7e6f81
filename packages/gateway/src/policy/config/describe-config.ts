import { type ConcurrencyRule, formatDuration, formatLimit, type RateRule, type Rule } from 'sluice'
import type { GatewayRequest } from '../policy-request.js'
import type { Endpoint, ForwardedIdentity, GatewayConfig, PolicyConfig } from './config.js'
import { limitsOf } from './limits/limit-string.js'
import { serverLimits } from './server-limits.js'
import { storeAddress } from './store-address.js'
import { sizeText } from './yaml/sizes.js'

/** What a configuration means, in a few lines: where it listens, and what the requests of each route meet. */
export function describeConfig(config: GatewayConfig): string[] {
  const { listen, workers, admin, upstream, routes, fallback } = config
  const width = Math.max(...[...routes, { name: 'default' }].map(({ name }) => name.length))
  const line = (name: string, meaning: string) => `  ${name.padEnd(width)}  ${meaning}`
  return [
    `  ${addressOf(listen)} -> ${upstream}, admin ${admin === undefined ? 'off' : addressOf(admin)}`,
    ...(workers === 1 ? [] : [`  ${workers} processes take requests`]),
    `  ${serverText(config)}`,
    ...storeText(config),
    ...clientText(config),
    ...routes.map((route) => line(route.name, policyText(route))),
    line('default', fallback === 'deny' ? 'deny' : policyText(fallback)),
  ]
}

function addressOf({ host, port }: Endpoint): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`
}

/** What it holds at most. Derived limits are those of a process like this one. */
function serverText(config: GatewayConfig): string {
  const { maxConnections, maxBodyMemory } = serverLimits(config)
  return `at most ${maxConnections} connections, and ${sizeText(maxBodyMemory)} of request bodies in memory`
}

/** Where the state is; nothing where it is in memory. */
function storeText({ store, onStoreFailure: { policy, peers } }: GatewayConfig): string[] {
  if (store.kind === 'memory') return []
  const shared = peers === undefined ? '' : `, a limit divided by ${peers}`
  return [`  store ${storeAddress(store)}, ${policy} while it does not answer${shared}`]
}

/** How clients say who they are; nothing where they do not. */
function clientText({ identity, tiers }: GatewayConfig): string[] {
  const { apiKeys, apiKeyHeaders = [], jwt, proxyHeaders, forward } = identity
  const ways = [
    ...(apiKeys === undefined
      ? []
      : [
          `API keys of ${apiKeys}${apiKeyHeaders.length === 0 ? '' : ` (also in ${apiKeyHeaders.join(', ')})`}`,
        ]),
    ...(jwt === undefined ? [] : [`tokens signed with ${jwt.jwks}`]),
    ...(proxyHeaders === undefined ? [] : [`${proxyHeaders.client} of a trusted proxy`]),
  ]
  const scales = Object.entries(tiers).map(([tier, said]) => `${tier} ${tierText(said)}`)
  return [
    ...(ways.length === 0 ? [] : [`  clients by ${ways.join(', ')}`]),
    ...(forward === undefined ? [] : [`  the upstream is told ${toldText(forward)}`]),
    ...(scales.length === 0 ? [] : [`  tiers: ${scales.join(', ')}`]),
  ]
}

function toldText({ client, tier }: ForwardedIdentity): string {
  return [
    ...(client === undefined ? [] : [`the client in ${client}`]),
    ...(tier === undefined ? [] : [`its tier in ${tier}`]),
  ].join(' and ')
}

function policyText(policy: PolicyConfig): string {
  const { rules, require: requirement, warmUp, bodyTypes, onUnreadable } = policy
  return [
    ...(requirement === undefined ? [] : [`only where ${sourceOf(requirement)}`]),
    ...(rules.length === 0 ? ['not limited'] : rules.map(ruleText)),
    ...(warmUp === undefined ? [] : [`from ${warmUp.from} of it while ${warmUp.ready} warms up`]),
    ...(bodyTypes === undefined ? [] : [`reads bodies of ${bodyTypes.list.join(', ')}`]),
    ...(onUnreadable === 'pass' ? ['passes what it cannot read'] : []),
  ].join('; ')
}

/** `100/minute tokens by ip + params.model, cost size(body.data)`. */
function ruleText(rule: Rule<GatewayRequest>): string {
  const limits = 'concurrent' in rule ? concurrencyText(rule) : rateText(rule)
  return [
    `${limits} by ${keyText(rule.by)}`,
    ...(rule.cost === undefined ? [] : [`cost ${sourceOf(rule.cost)}`]),
    ...(rule.fallbackCost === undefined ? [] : [`else ${rule.fallbackCost}`]),
    ...Object.entries(rule.tiers ?? {}).map(([tier, said]) => `${tier} ${tierText(said)}`),
    ...('wait' in rule ? [`waits up to ${formatDuration(Number(rule.wait))}`] : []),
    ...(rule.enforce === false ? ['not enforced'] : []),
  ].join(', ')
}

function tierText(said: unknown): string {
  return typeof said === 'number' ? `${said} times as much` : String(said)
}

function rateText(rule: RateRule<GatewayRequest>): string {
  const { limit, algorithm, align, timeZone: time_zone } = rule
  const limits = limitsOf({ limit: String(limit), algorithm, align, time_zone })
    .map(formatLimit)
    .join(' and ')
  const zone = time_zone === undefined ? '' : ` of ${time_zone}`
  const counting = [algorithm ?? 'token-bucket', ...(align === undefined ? [] : [`${align}${zone}`])]
  return `${limits}${rule.of === undefined ? '' : ` ${rule.of}`} (${counting.join(', ')})`
}

function concurrencyText({ concurrent }: ConcurrencyRule<GatewayRequest>): string {
  return `${sourceOf(concurrent)} concurrent`
}

/** Whom a rule counts for: `ip + params.model`. */
export function keyText(by: Rule<GatewayRequest>['by']): string {
  if (by === undefined) return 'client'
  return typeof by === 'object' ? by.map(sourceOf).join(' + ') : sourceOf(by)
}

/** What was written: a name, a number or an expression. */
function sourceOf(value: unknown): string {
  return typeof value === 'function' && 'source' in value ? String(value.source) : String(value)
}
