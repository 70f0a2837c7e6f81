import { isDeepStrictEqual } from 'node:util'
import type { GatewayConfig } from './config.js'

/** What a gateway that runs cannot change, by its name in the file. */
const FIXED = ['listen', 'admin', 'store'] as const satisfies readonly (keyof GatewayConfig)[]

/** Says which change of a configuration needs a restart; undefined where none does. */
export function restartNeeded(before: GatewayConfig, after: GatewayConfig): string | undefined {
  const changed = FIXED.filter((field) => !isDeepStrictEqual(before[field], after[field]))
  if (changed.length === 0) return undefined
  const names = changed.map((field) => `'${field}'`).join(' and ')
  return `a change of ${names} needs a restart; the rest of the file was not taken up either`
}
