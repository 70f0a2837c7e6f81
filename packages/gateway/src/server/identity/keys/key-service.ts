import type { GatewayConfig, KeysSource } from '../../../policy/config/config.js'
import type { Log } from '../../logging/log.js'
import { FileKeyStore } from './file-key-store.js'
import type { KeyStore, KeyUses } from './key-store.js'
import { KeyUse } from './key-use.js'
import { RedisKeyStore } from './redis-key-store.js'

/** The interval at which the last uses of keys are stored, in milliseconds. */
const FLUSH_INTERVAL_MS = 10_000
/** Maximum time to store the last uses when the gateway stops, in milliseconds. */
const CLOSE_TIMEOUT_MS = 1_000

/** Opens the keys of the configuration for operators, and records when they are used. */
export class KeyService {
  readonly use = new KeyUse()
  readonly #log: Pick<Log, 'error'>
  readonly #timer: NodeJS.Timeout
  #source: string | undefined
  #store: KeyStore | undefined
  #hasFailed = false
  /** Set while uses are stored. A file system that hangs thus occupies one thread, not more and more. */
  #flushing: Promise<void> | undefined

  constructor(log: Pick<Log, 'error'>) {
    this.#log = log
    this.#timer = setInterval(() => void this.#flush(), FLUSH_INTERVAL_MS).unref()
  }

  /** The keys of the configuration; undefined if it has none. */
  get store(): KeyStore | undefined {
    return this.#store
  }

  /** Switches to the keys of a configuration. */
  configure({ identity: { apiKeys }, store }: Pick<GatewayConfig, 'identity' | 'store'>): void {
    const source = apiKeys === undefined ? undefined : JSON.stringify([apiKeys, store])
    if (source === this.#source) return
    this.#source = source
    void this.#store?.close()
    this.#store = apiKeys && openKeyStore(apiKeys, store)
  }

  async close(): Promise<void> {
    clearInterval(this.#timer)
    let timeout: NodeJS.Timeout | undefined
    const timedOut = new Promise<void>((resolve) => {
      timeout = setTimeout(resolve, CLOSE_TIMEOUT_MS)
    })
    await Promise.race([this.#flush(), timedOut])
    clearTimeout(timeout)
    await this.#store?.close()
  }

  #flush(): Promise<void> {
    this.#flushing ??= this.#storeUses().finally(() => {
      this.#flushing = undefined
    })
    return this.#flushing
  }

  async #storeUses(): Promise<void> {
    const uses: KeyUses = this.use.drain()
    if (uses.size === 0 || this.#store === undefined) return
    try {
      await this.#store.recordUses(uses)
      this.#hasFailed = false
    } catch (error) {
      this.use.addAll(uses)
      if (!this.#hasFailed)
        this.#log.error({ reason: (error as Error).message }, 'cannot store when keys were last used')
      this.#hasFailed = true
    }
  }
}

function openKeyStore(source: KeysSource, store: GatewayConfig['store']): KeyStore | undefined {
  if (source.kind === 'file') return new FileKeyStore(source.file)
  return store.kind === 'redis' ? new RedisKeyStore(store.url) : undefined
}
