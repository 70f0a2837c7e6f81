import type { GatewayConfig } from '../../policy/config/config.js'
import type { Log } from '../logging/log.js'
import { FileLedger } from './file-ledger.js'
import { MemoryLedger } from './memory-ledger.js'
import { RedisLedger } from './redis-ledger.js'
import type { SpendLedger } from './spend-ledger.js'

/**
 * Opens the ledger of a configuration: in Redis, in a file beside that of the acts, or in the memory of
 * this process.
 */
export function openLedger(
  { store, state }: Pick<GatewayConfig, 'store' | 'state'>,
  log: Pick<Log, 'warn' | 'error'>,
): SpendLedger {
  if (store.kind === 'redis') return new RedisLedger(store.url)
  return state === undefined ? new MemoryLedger() : new FileLedger(`${state}.spend`, { log })
}
