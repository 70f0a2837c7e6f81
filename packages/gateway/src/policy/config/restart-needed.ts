import { isDeepStrictEqual } from 'node:util'
import { type GatewayConfig, policiesOf } from './config.js'

/** The settings that cannot change while the gateway runs, with their YAML keys. */
const RESTART_KEYS = {
  listen: 'listen',
  workers: 'workers',
  admin: 'admin',
  probes: 'probes',
  store: 'store',
  onStoreFailure: 'on_store_failure',
  accessLog: 'access_log',
  record: 'record',
  state: 'state',
  telemetry: 'telemetry',
} as const satisfies Partial<Record<keyof GatewayConfig, string>>

/** Explains which changed settings require a restart; undefined if there are none. */
export function restartNeeded(before: GatewayConfig, after: GatewayConfig): string | undefined {
  const fields = Object.keys(RESTART_KEYS) as (keyof typeof RESTART_KEYS)[]
  const changed: string[] = fields.flatMap((field) =>
    isDeepStrictEqual(before[field], after[field]) ? [] : [RESTART_KEYS[field]],
  )
  // Workers that were started without an observer report nothing.
  if (before.workers > 1 && isObserved(after) && !isObserved(before)) changed.push('log')
  if (changed.length === 0) return undefined
  const names = changed.map((name) => `'${name}'`).join(' and ')
  const subject = changed.length === 1 ? `a change to ${names} requires` : `changes to ${names} require`
  return `${subject} a restart; no change in the file was applied`
}

/** Reports whether a port, the log or a webhook reports on requests. */
export function isObserved(config: GatewayConfig): boolean {
  return servesMetrics(config) || config.log.refusals || hasThresholds(config)
}

/** Reports whether a rule has thresholds, which are logged and sent to webhooks. */
function hasThresholds(config: GatewayConfig): boolean {
  return policiesOf(config).some(({ rules }) => rules.some((rule) => 'warn' in rule))
}

/** Reports whether the admin port or the port for probes serves metrics. */
export function servesMetrics({ admin, probes }: GatewayConfig): boolean {
  return admin !== undefined || probes !== undefined
}
