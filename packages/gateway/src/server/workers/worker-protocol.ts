import type { AddressInfo } from 'node:net'
import type { ConfigSource, Endpoint } from '../../policy/config/config.js'
import type { Overrides } from '../../policy/policies.js'
import type { KeysText } from '../identity/key-file-watch.js'
import type { ServerLoad } from '../observability/server-load.js'
import type { StoreStats } from '../store/store-stats.js'
import type { Observation } from './observations.js'
import type { StoreAnswer, StoreCall } from './store-messages.js'

/** What a worker works by. It compiles the text itself: expressions cannot be sent. */
export interface Orders {
  readonly source: ConfigSource
  /** As the command line may have it, in place of the file. */
  readonly listen: Endpoint
  readonly upstream: string
  readonly overrides: Overrides
  /** What all workers call the gateway in `Via`. */
  readonly gatewayName: string
  /** The file of keys as the primary read it, so that all workers have the same keys. */
  readonly keys: KeysText | undefined
}

/** What the primary tells a worker. */
export type ToWorker =
  | {
      readonly kind: 'begin'
      readonly orders: Orders
      /** How many there are. */
      readonly workers: number
      /** Whether anybody looks at what it does. */
      readonly observed: boolean
    }
  /** These are the orders from now on. It answers `followed`. */
  | { readonly kind: 'follow'; readonly orders: Orders }
  | { readonly kind: 'answers'; readonly answers: readonly StoreAnswer[] }
  /** Finishes what is in flight, for so many milliseconds at most, and ends. */
  | { readonly kind: 'stop'; readonly patience: number }

/** What a worker tells the primary. */
export type FromWorker =
  /** It listens to the primary. */
  | { readonly kind: 'ready' }
  | { readonly kind: 'listening'; readonly address: AddressInfo }
  /** It cannot begin, or cannot go on. */
  | { readonly kind: 'failed'; readonly message: string }
  | { readonly kind: 'followed' }
  | { readonly kind: 'calls'; readonly calls: readonly StoreCall[] }
  | { readonly kind: 'seen'; readonly observations: readonly Observation[] }
  /** What it holds of its clients. */
  | { readonly kind: 'load'; readonly load: ServerLoad }
  /** How its own connection to a store that all share is doing. */
  | { readonly kind: 'figures'; readonly figures: StoreStats }
  /** So many lines of its log were dropped since it last reported that. */
  | { readonly kind: 'dropped'; readonly logLines: number }
