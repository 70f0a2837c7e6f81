import type { Endpoint, GatewayConfig, PolicyConfig } from './config.js'
import { multiplier } from './limits/limit-fields.js'
import { readSharedLimits, withShared } from './limits/shared-limits.js'
import { warnOfForgottenQuotas } from './quotas-in-memory.js'
import { DEFAULT_ADMIN, endpoint, readAdmin } from './sections/admin-section.js'
import { readBodyTypes } from './sections/body-types-section.js'
import { DEFAULT_IDENTITY, readIdentity } from './sections/identity-section.js'
import { DEFAULT_LOG, readLog } from './sections/log-section.js'
import { PASS_WITH_LLM, readOnUnreadable, withOnUnreadable } from './sections/on-unreadable-section.js'
import { readRecord } from './sections/record-section.js'
import { readDefault, readRoutes } from './sections/routes-section.js'
import { readServer } from './sections/server-section.js'
import {
  DEFAULT_STORE,
  DEFAULT_STORE_FAILURE,
  readStore,
  readStoreFailure,
} from './sections/store-section.js'
import { readWorkers } from './sections/workers-section.js'
import { warnOfOwnUpstream } from './upstream-loops.js'
import { parseUpstreamUrl } from './upstream-url.js'
import { made, mapOf, type Read, recordOf } from './yaml/decoders.js'
import type { Problems } from './yaml/diagnostics.js'
import { size, text, wait, yesOrNo } from './yaml/scalars.js'
import { type ConfigNode, described } from './yaml/yaml-node.js'

/** The whole file: what stands in it, and what is meant where something does not. */

/** What a file cannot do without, for messages. */
export const LEAST = "the least that it needs is 'upstream: http://127.0.0.1:9000'"

const DEFAULT_LISTEN: Endpoint = { host: '127.0.0.1', port: 8080 }
const DEFAULT_MAX_BODY = 2 ** 20
/** On routes with `llm`: a request with a few pictures in it is larger than any other. */
const DEFAULT_MAX_LLM_BODY = 32 * 2 ** 20
const DEFAULT_TIMEOUTS = {
  connect: 5_000,
  headers: 300_000,
  idle: 300_000,
  bodyStart: 10_000,
  request: 300_000,
  shutdown: 30_000,
}

const upstream: Read<string> = made(text('http://127.0.0.1:9000'), (url) => {
  parseUpstreamUrl(url)
  return url
})

const SHAPE = {
  listen: endpoint,
  workers: readWorkers,
  admin: readAdmin,
  upstream,
  store: readStore,
  on_store_failure: readStoreFailure,
  identity: readIdentity,
  tiers: recordOf(multiplier, 'a map such as { free: 1, premium: 5 }', 1000),
  max_body: size,
  server: readServer,
  retry_post: yesOrNo,
  timeouts: made(
    mapOf(
      { connect: wait, headers: wait, idle: wait, body_start: wait, request: wait, shutdown: wait },
      'a map such as { connect: 5s, idle: 5m }',
    ),
    ({ body_start: bodyStart, ...others }) => ({ ...others, ...(bodyStart !== undefined && { bodyStart }) }),
  ),
  log: readLog,
  record: readRecord,
  on_unreadable: readOnUnreadable,
  body_types: readBodyTypes,
  limits: readSharedLimits,
  routes: readRoutes,
  default: readDefault,
}

const WANTED = 'a map of settings'
const readShape = mapOf(SHAPE, WANTED)

/** Reads the root of the file. What is missing is as documented; where something is wrong, the result is of no use. */
export function readSettings(
  root: ConfigNode,
  problems: Problems,
): Omit<GatewayConfig, 'source' | 'warnings'> | undefined {
  if (root.kind !== 'map') {
    problems.at(root, `${root.label} is ${WANTED}, not ${described(root)}; ${LEAST}`)
    return undefined
  }
  const values = readShape(root, problems)
  if (values === undefined) return undefined
  if (!root.entries.has('upstream')) problems.at(root, `'upstream' is missing; ${LEAST}`)
  const listen = values.listen ?? DEFAULT_LISTEN
  const admin = values.admin === 'off' ? undefined : (values.admin ?? DEFAULT_ADMIN)
  checkPorts(
    root.entries.get('admin')?.value ?? root.entries.get('listen')?.value ?? root,
    listen,
    admin,
    problems,
  )
  const upstreamNode = root.entries.get('upstream')?.value
  if (upstreamNode !== undefined && values.upstream !== undefined)
    warnOfOwnUpstream(upstreamNode, values.upstream, { listen, admin }, problems)
  const record = root.entries.get('record')
  if (record !== undefined && (values.workers ?? 1) > 1)
    problems.at(
      record.value,
      "'record' goes with one worker: several would write to one file; write 'workers: 1', or leave one of them out",
    )
  const store = values.store ?? DEFAULT_STORE
  if (store.kind === 'memory') warnOfForgottenQuotas(root, problems)
  const shared = values.limits ?? []
  // Requests that nothing is said about are passed on.
  const fallback = values.default ?? { name: 'default', rules: [], readsBody: false }
  const finished = <P extends PolicyConfig>(policy: P): P => {
    const isLarge = policy.llm !== undefined && values.max_body === undefined
    if (values.on_unreadable === 'pass' && policy.onUnreadable === undefined && policy.llm !== undefined)
      problems.at(
        root.entries.get('on_unreadable')?.value ?? root,
        `with the route ${policy.name}: ${PASS_WITH_LLM}`,
      )
    const inherited = { onUnreadable: values.on_unreadable, bodyTypes: values.body_types }
    const whole = withOnUnreadable(withShared({ ...inherited, ...policy }, shared, problems))
    return { ...whole, ...(isLarge && { maxBody: DEFAULT_MAX_LLM_BODY }) }
  }
  return {
    listen,
    workers: values.workers ?? 1,
    admin,
    upstream: values.upstream ?? '',
    store,
    onStoreFailure: values.on_store_failure ?? DEFAULT_STORE_FAILURE,
    identity: values.identity ?? DEFAULT_IDENTITY,
    tiers: values.tiers ?? {},
    maxBody: values.max_body ?? DEFAULT_MAX_BODY,
    retriesPost: values.retry_post ?? false,
    server: values.server ?? {},
    timeouts: { ...DEFAULT_TIMEOUTS, ...values.timeouts },
    log: values.log ?? DEFAULT_LOG,
    record: values.record,
    routes: (values.routes ?? []).map(finished),
    fallback: fallback === 'deny' ? fallback : finished(fallback),
  }
}

/** The admin port is for those who run the gateway, and cannot be the one that clients come to. */
function checkPorts(
  node: ConfigNode,
  listen: Endpoint,
  admin: Endpoint | undefined,
  problems: Problems,
): void {
  if (admin === undefined || admin.port === 0 || admin.port !== listen.port) return
  const everywhere = listen.host === '0.0.0.0' || admin.host === '0.0.0.0'
  if (listen.host !== admin.host && !everywhere) return
  problems.at(
    node,
    `'listen' and 'admin' are both on port ${admin.port}; give one of them another, or write 'admin: off' for no admin port`,
  )
}
