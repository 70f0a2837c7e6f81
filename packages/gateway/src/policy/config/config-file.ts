import { z } from 'zod'
import { checkActState } from './act-state.js'
import { warnOfBlindWindows } from './blind-windows.js'
import type { KnownLabels } from './cel/expression-scope.js'
import type { Endpoint, GatewayConfig, ListenConfig, PolicyConfig, PricesConfig } from './config.js'
import { sharedLimitsDecoder, withShared } from './limits/limit-list.js'
import { type Algorithm, decodeAlgorithm, multiplier } from './limits/limit-shape.js'
import { checkMoneyLimits, withPrices, withUnpriced } from './prices/money-limits.js'
import { decodePricesPath } from './prices/prices-section.js'
import { warnOfVolatileQuotas } from './quotas-in-memory.js'
import { decodeAccessLog } from './sections/access-log-section.js'
import { decodeClientList } from './sections/access-section.js'
import { DEFAULT_ADMIN, decodeAdmin } from './sections/admin-section.js'
import { decodeAnswers } from './sections/answers-section.js'
import { decodeBodyTypes } from './sections/body-types-section.js'
import { decodeCors } from './sections/cors-section.js'
import { decodeHeaders } from './sections/headers-section.js'
import {
  checkKeysSource,
  DEFAULT_IDENTITY,
  decodeIdentity,
  knownLabels,
} from './sections/identity-section.js'
import { decodeOnUnreadable, PASS_WITH_LLM, withOnUnreadable } from './sections/on-unreadable-section.js'
import { DEFAULT_LOG, decodeLog, decodeServer, decodeWorkers } from './sections/process-section.js'
import { decodeRecord } from './sections/record-section.js'
import { UrlUpstreams } from './sections/route-upstream.js'
import { defaultDecoder, routesDecoder } from './sections/routes-section.js'
import {
  DEFAULT_STORE,
  DEFAULT_STORE_FAILURE,
  decodeStore,
  decodeStoreFailure,
} from './sections/store-section.js'
import { decodeTelemetry } from './sections/telemetry-section.js'
import { decodeListen, decodeUpstream } from './sections/tls-section.js'
import { upstreamNames, upstreamsDecoder } from './sections/upstreams-section.js'
import { checkUsagePath, decodeModels, decodeUsage } from './sections/usage-section.js'
import { decodeWebhooks } from './sections/webhooks-section.js'
import { checkSharedLimits } from './shared-rules.js'
import { warnOfVolatileSpend } from './spend-state.js'
import { warnOfUnboundedDebt } from './unbounded-debt.js'
import { warnOfOwnUpstream } from './upstream-loops.js'
import { mapOf, recordOf, scalar, transform } from './yaml/decoders.js'
import { Problems } from './yaml/diagnostics.js'
import { endpoint } from './yaml/endpoint.js'
import { bodySize, boolean, string, timeout, timeoutOrZero } from './yaml/scalars.js'
import { type ConfigNode, entryOf, type MapNode, mismatch } from './yaml/yaml-node.js'

/** A hint that is appended to messages about an empty or incomplete file. */
export const MINIMAL_CONFIG_HINT = "write at least 'upstream: http://127.0.0.1:9000'"

const DEFAULT_LISTEN: ListenConfig = { host: '127.0.0.1', port: 8080 }
const DEFAULT_MAX_BODY_BYTES = 2 ** 20
/** The default on routes with `llm`, whose requests may contain images. */
const DEFAULT_MAX_LLM_BODY_BYTES = 32 * 2 ** 20
const DEFAULT_TIMEOUTS_MS = {
  connect: 5_000,
  headers: 300_000,
  idle: 300_000,
  bodyStart: 10_000,
  request: 300_000,
  drain: 5_000,
  shutdown: 30_000,
}

const SETTINGS = {
  listen: decodeListen,
  workers: decodeWorkers,
  admin: decodeAdmin,
  probes: endpoint,
  upstream: decodeUpstream,
  store: decodeStore,
  on_store_failure: decodeStoreFailure,
  identity: decodeIdentity,
  algorithm: decodeAlgorithm,
  tiers: recordOf(multiplier, 'a map such as { free: 1, premium: 5 }', 1000),
  max_body: bodySize,
  headers: decodeHeaders,
  answers: decodeAnswers,
  cors: decodeCors,
  server: decodeServer,
  retry_post: boolean,
  timeouts: transform(
    mapOf(
      {
        connect: timeout,
        headers: timeout,
        idle: timeout,
        body_start: timeout,
        request: timeout,
        drain: timeoutOrZero,
        shutdown: timeout,
      },
      'a map such as { connect: 5s, idle: 5m }',
    ),
    ({ body_start: bodyStart, ...others }) => ({ ...others, ...(bodyStart !== undefined && { bodyStart }) }),
  ),
  log: decodeLog,
  access_log: decodeAccessLog,
  record: decodeRecord,
  deny: decodeClientList,
  allow: decodeClientList,
  state: string('acts.json'),
  telemetry: decodeTelemetry,
  models: decodeModels,
  prices: decodePricesPath,
  unknown_model: scalar(z.enum(['refuse', 'dearest']), 'refuse or dearest'),
  usage: decodeUsage,
  webhooks: decodeWebhooks,
  on_unreadable: decodeOnUnreadable,
  body_types: decodeBodyTypes,
}

const EXPECTED = 'a map of settings'

/**
 * Creates the decoder of the file's keys, without defaults and without checks across keys.
 *
 * @param algorithm the algorithm of limits without their own, if it is not a token bucket
 * @param labels the labels of clients
 * @param upstreams the names of all upstreams
 */
function mapDecoder(algorithm: Algorithm | undefined, labels: KnownLabels, upstreams: readonly string[]) {
  const policies = {
    upstreams: upstreamsDecoder(algorithm),
    limits: sharedLimitsDecoder(labels, algorithm),
    routes: routesDecoder(algorithm, labels, upstreams),
    default: defaultDecoder(algorithm, labels, upstreams),
  }
  return mapOf({ ...SETTINGS, ...policies }, EXPECTED)
}

/** Decodes the keys of the file, without defaults and without checks across keys. */
export const configMap = mapDecoder(undefined, { names: [] }, [])

/**
 * Decodes a file and applies defaults. The result must not be used if problems were reported.
 *
 * @param keyLabels the labels in the keys file; undefined if it was not read
 * @param prices the contents of `prices`
 */
export function decodeConfig(
  root: ConfigNode,
  problems: Problems,
  keyLabels: readonly string[] | undefined,
  prices?: PricesConfig,
): Omit<GatewayConfig, 'source' | 'warnings'> | undefined {
  if (root.kind !== 'map') {
    problems.at(root, `${mismatch(root, EXPECTED)}; ${MINIMAL_CONFIG_HINT}`)
    return undefined
  }
  const labels = knownLabels(entryOf(root, 'identity'), keyLabels)
  const values = mapDecoder(algorithmOf(root), labels, upstreamNames(root))(root, problems)
  if (values === undefined) return undefined
  if (!root.entries.has('upstream')) problems.at(root, `'upstream' is missing; ${MINIMAL_CONFIG_HINT}`)
  const listen = values.listen ?? DEFAULT_LISTEN
  const admin = values.admin === 'off' ? undefined : (values.admin ?? DEFAULT_ADMIN)
  checkPorts(root, { listen, admin, probes: values.probes }, problems)
  const upstreamNode = root.entries.get('upstream')?.value
  if (upstreamNode !== undefined && values.upstream !== undefined)
    warnOfOwnUpstream(upstreamNode, values.upstream.url, { listen, admin, probes: values.probes }, problems)
  for (const [name, { urls }] of Object.entries(values.upstreams ?? {}))
    for (const url of urls)
      warnOfOwnUpstream(
        entryOf(entryOf(root, 'upstreams'), name) ?? root,
        url,
        { listen, admin, probes: values.probes },
        problems,
      )
  const store = values.store ?? DEFAULT_STORE
  if (store.kind === 'memory') warnOfVolatileQuotas(root, problems)
  checkKeysSource(root.entries.get('identity')?.value, values.identity ?? DEFAULT_IDENTITY, store, problems)
  checkActState(root, { store, admin, state: values.state }, problems)
  checkSharedLimits(root, problems)
  checkMoneyLimits(root, prices, problems)
  const unknownModelNode = entryOf(root, 'unknown_model')
  if (unknownModelNode !== undefined && !root.entries.has('prices'))
    problems.at(unknownModelNode, "'unknown_model' requires 'prices'")
  const pricing = prices && { list: prices.list, unknownModel: values.unknown_model ?? 'refuse' }
  const { usage, routes = [] } = values
  if (usage !== undefined) checkUsagePath(entryOf(root, 'usage') ?? root, usage, routes, problems)
  const shared = values.limits ?? []
  // Without `default`, requests that match no route are forwarded without limits.
  const fallback = values.default ?? { name: 'default', rules: [], readsBody: false }
  const urlUpstreams = new UrlUpstreams()
  const withInherited = <P extends PolicyConfig>(policy: P): P => {
    const isLarge = policy.llm !== undefined && values.max_body === undefined
    if (values.on_unreadable === 'pass' && policy.onUnreadable === undefined && policy.llm !== undefined)
      problems.at(
        root.entries.get('on_unreadable')?.value ?? root,
        `on the route ${policy.name}: ${PASS_WITH_LLM}`,
      )
    const inherited = {
      onUnreadable: values.on_unreadable,
      bodyTypes: values.body_types,
      cors: values.cors,
    }
    const withAllLimits = withShared({ ...inherited, ...policy }, shared, problems)
    const complete = withOnUnreadable(withPrices(withUnpriced(withAllLimits, shared), pricing))
    const allow = [...(values.allow?.addresses ?? []), ...(complete.allow ?? [])]
    return {
      ...urlUpstreams.named(complete),
      ...(allow.length > 0 && { allow }),
      ...(isLarge && { maxBody: DEFAULT_MAX_LLM_BODY_BYTES }),
    }
  }
  const policies = {
    routes: routes.map(withInherited),
    fallback: fallback === 'deny' ? fallback : withInherited(fallback),
  }
  warnOfUnboundedDebt(root, policies, problems)
  warnOfBlindWindows(root, policies, problems)
  warnOfVolatileSpend(root, { ...policies, store, state: values.state }, problems)
  const upstreams = { ...values.upstreams, ...urlUpstreams.all }
  return {
    listen,
    workers: values.workers ?? 1,
    admin,
    probes: values.probes,
    upstream: values.upstream?.url ?? '',
    upstreamTls: values.upstream?.tls,
    ...(Object.keys(upstreams).length > 0 && { upstreams }),
    store,
    onStoreFailure: values.on_store_failure ?? DEFAULT_STORE_FAILURE,
    identity: values.identity ?? DEFAULT_IDENTITY,
    tiers: values.tiers ?? {},
    maxBody: values.max_body ?? DEFAULT_MAX_BODY_BYTES,
    retriesPost: values.retry_post ?? false,
    headers: values.headers,
    answers: values.answers,
    cors: values.cors,
    server: values.server ?? {},
    timeouts: { ...DEFAULT_TIMEOUTS_MS, ...values.timeouts },
    log: values.log ?? DEFAULT_LOG,
    accessLog: values.access_log === 'off' ? undefined : values.access_log,
    record: values.record,
    ...(values.deny && { deny: values.deny }),
    ...(values.allow && { allow: values.allow }),
    ...(values.state !== undefined && { state: values.state }),
    telemetry: values.telemetry,
    ...(prices && { prices }),
    models: values.models,
    usage,
    ...(values.webhooks !== undefined && { webhooks: values.webhooks }),
    ...policies,
  }
}

/**
 * Returns the algorithm of limits without their own. The limits depend on it, so it is read before
 * the other keys. An invalid algorithm is reported later, with them.
 */
function algorithmOf(root: MapNode): Algorithm | undefined {
  const node = root.entries.get('algorithm')?.value
  return node && decodeAlgorithm(node, new Problems(''))
}

/** Reports a problem for each pair of listeners on the same port. */
function checkPorts(
  root: MapNode,
  listeners: Readonly<Record<'listen' | 'admin' | 'probes', Endpoint | undefined>>,
  problems: Problems,
): void {
  const pairs = [
    ['listen', 'admin'],
    ['listen', 'probes'],
    ['admin', 'probes'],
  ] as const
  for (const [first, second] of pairs) {
    const endpoint = listeners[second]
    if (endpoint === undefined || !sharePort(listeners[first], endpoint)) continue
    const advice = second === 'admin' ? "write 'admin: off'" : "remove 'probes'"
    problems.at(
      (root.entries.get(second) ?? root.entries.get(first))?.value ?? root,
      `'${first}' and '${second}' are both on port ${endpoint.port}; change one of them, or ${advice}`,
    )
  }
}

function sharePort(first: Endpoint | undefined, second: Endpoint): boolean {
  if (first === undefined || second.port === 0 || first.port !== second.port) return false
  return [first, second].some(({ host }) => host === '0.0.0.0') || first.host === second.host
}
