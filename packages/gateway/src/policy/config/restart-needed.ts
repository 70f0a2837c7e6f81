import { isDeepStrictEqual } from 'node:util'
import type { GatewayConfig } from './config.js'

/** What a gateway that runs cannot change, with its name in the file. */
const FIXED = {
  listen: 'listen',
  workers: 'workers',
  admin: 'admin',
  store: 'store',
  onStoreFailure: 'on_store_failure',
  record: 'record',
} as const satisfies Partial<Record<keyof GatewayConfig, string>>

/** Says which change of a configuration needs a restart; undefined where none does. */
export function restartNeeded(before: GatewayConfig, after: GatewayConfig): string | undefined {
  const fields = Object.keys(FIXED) as (keyof typeof FIXED)[]
  const changed: string[] = fields.flatMap((field) =>
    isDeepStrictEqual(before[field], after[field]) ? [] : [FIXED[field]],
  )
  // Workers that nobody listens to tell nothing.
  if (before.workers > 1 && isObserved(after) && !isObserved(before)) changed.push('log')
  if (changed.length === 0) return undefined
  const names = changed.map((name) => `'${name}'`).join(' and ')
  return `a change of ${names} needs a restart; the rest of the file was not taken up either`
}

/** Whether anybody is told what the gateway does. */
export function isObserved({ admin, log }: GatewayConfig): boolean {
  return admin !== undefined || log.refusals
}
