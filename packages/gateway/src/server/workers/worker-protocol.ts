import type { AddressInfo } from 'node:net'
import type { Charge, Settlement, StoreVerdict } from 'sluice'
import type { Act } from '../../policy/acts/act.js'
import type { ConfigSource, ListenConfig } from '../../policy/config/config.js'
import type { KeyUses } from '../identity/keys/key-store.js'
import type { KeysFile } from '../identity/keys/keys-file-watch.js'
import type { DroppedLines } from '../observability/metrics/export.js'
import type { ProcessStats } from '../observability/metrics/process-stats.js'
import type { Observer } from '../observability/observer.js'
import type { RecordOrigin } from '../observability/recording/record-origin.js'
import type { ServerLoad } from '../observability/server-load.js'
import type { Runtime } from '../runtime.js'
import type { SpendBatch } from '../spend/spend-ledger.js'
import type { StoreStats } from '../store/store-stats.js'
import type { LineCall, LineReply } from './line-protocol.js'

/**
 * The configuration of a worker. Workers compile its source themselves, since compiled expressions
 * cannot be sent.
 */
export interface WorkerConfig {
  readonly source: ConfigSource
  /** Takes precedence over the source, because the command line may override it. */
  readonly listen: ListenConfig
  /** Takes precedence over the source, as `listen` does. */
  readonly upstream: string
  /** The acts of operators in effect. */
  readonly acts: readonly Act[]
  /** The name of the gateway in the `Via` header, shared by all workers. */
  readonly gatewayName: string
  /** The keys file as the primary read it, so that all workers have the same keys. */
  readonly keysFile: KeysFile | undefined
  /** The TLS files as the primary read them. */
  readonly tls: Runtime['tls']
}

/** The first message to a worker. */
export interface StartMessage {
  readonly kind: 'start'
  readonly config: WorkerConfig
  /**
   * The number of the worker, from 1. A replacement gets that of a worker that has exited, and
   * continues its record.
   */
  readonly worker: number
  /** The number of workers. */
  readonly workers: number
  /** True if the worker reports events. */
  readonly reportsEvents: boolean
  readonly recordOrigin: RecordOrigin
  /** The key of the digests of clients in logs, shared by all processes. */
  readonly redactionKey: Uint8Array
}

/** Numbers of lines that a worker dropped. */
export type WorkerDroppedLines = Omit<DroppedLines, 'audit'>

/** A message from the primary to a worker. */
export type ToWorker =
  | StartMessage
  /** Applies a new configuration. The worker replies with `configured`. */
  | { readonly kind: 'configure'; readonly config: WorkerConfig }
  /** Makes the records of ended requests readable. The worker replies with `recordFlushed`. */
  | { readonly kind: 'flushRecord' }
  | { readonly kind: 'storeReplies'; readonly replies: readonly StoreReply[] }
  | { readonly kind: 'lineReplies'; readonly replies: readonly LineReply[] }
  /** The spend of a batch was received. */
  | { readonly kind: 'spendReceived'; readonly sequence: number }
  /** Sends `Connection: close` in all responses from now on. */
  | { readonly kind: 'drain' }
  /** Finishes requests in flight, within the grace period, and exits. */
  | { readonly kind: 'stop'; readonly gracePeriodMs: number }

/** A message from a worker to the primary. */
export type FromWorker =
  /** The worker accepts messages. */
  | { readonly kind: 'ready' }
  | { readonly kind: 'listening'; readonly address: AddressInfo }
  /** The worker cannot start, or cannot continue. */
  | { readonly kind: 'failed'; readonly message: string }
  | { readonly kind: 'configured' }
  | { readonly kind: 'recordFlushed' }
  | { readonly kind: 'storeCalls'; readonly calls: readonly StoreCall[] }
  | { readonly kind: 'lineCalls'; readonly calls: readonly LineCall[] }
  | { readonly kind: 'events'; readonly events: readonly ObserverCall[] }
  /** What requests have spent. The primary replies with `spendReceived`. */
  | { readonly kind: 'spend'; readonly batch: SpendBatch }
  | { readonly kind: 'load'; readonly load: ServerLoad }
  /** The keys that were used since the last such message. */
  | { readonly kind: 'keysUsed'; readonly uses: KeyUses }
  | { readonly kind: 'process'; readonly stats: ProcessStats }
  /** Statistics of the worker's own connection to a shared store. */
  | { readonly kind: 'storeStats'; readonly stats: StoreStats }
  /** Lines that were dropped since the last such message. */
  | { readonly kind: 'droppedLines'; readonly dropped: WorkerDroppedLines }

/**
 * A call from a worker to the store in the primary. `call` is its number, unique within the worker.
 */
export type StoreCall =
  | { readonly call: number; readonly operation: 'take' | 'peek'; readonly charges: readonly Charge[] }
  | { readonly call: number; readonly operation: 'settle'; readonly settlements: readonly Settlement[] }
  | { readonly call: number; readonly operation: 'reset'; readonly scope: string; readonly key: string }

/** The result of a store call. `settle` and `reset` have no verdicts. */
export type StoreReply =
  | { readonly call: number; readonly verdicts?: readonly StoreVerdict[] }
  | { readonly call: number; readonly failure: Error }

/** One call to an observer: the name of the method and its arguments. */
export type ObserverCall = {
  [Name in keyof Observer]-?: readonly [Name, ...Parameters<NonNullable<Observer[Name]>>]
}[keyof Observer]
