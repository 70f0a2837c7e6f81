import { cachedLookup, type FoundClient } from 'sluice/identity'
import type { Log } from '../../logging/log.js'
import type { KeyRecord } from './key-store.js'
import type { KeysWatch } from './keys-file-watch.js'
import { type KnownVersion, RedisKeyTable } from './redis-key-table.js'
import { StoredLimits } from './stored-limits.js'

/** The delay between two looks at the changes, in milliseconds. */
const POLL_INTERVAL_MS = 500
/** The time after which a known key is looked up again, in case a change was missed. */
const MAX_AGE_MS = 60_000
/** Additional time for which known keys stay valid while Redis is unavailable. */
const MAX_STALE_AGE_MS = 600_000
/** Maximum time that a request waits for a lookup, in milliseconds. */
const LOOKUP_TIMEOUT_MS = 1_000
/** Maximum number of known keys that are cached, and as many unknown ones. */
const MAX_CACHED = 20_000

export interface StoredKeysOptions {
  readonly log: Pick<Log, 'info' | 'error'>
  /** True if this process is a worker, whose primary logs limits without effect. */
  readonly isWorker: boolean
  /** Called when the limits of clients have changed. */
  readonly onLimitsChanged: () => void
}

/**
 * Looks keys up in Redis, and follows their changes, within {@link POLL_INTERVAL_MS} and the duration
 * of a call. While Redis is unavailable, keys that this process knows stay valid for up to
 * {@link MAX_AGE_MS} and {@link MAX_STALE_AGE_MS}, and lookups of other keys reject with
 * IdentityUnavailableError.
 *
 * The limits of all keys are read first; until then, lookups reject as well. Limits that do not fit the
 * configuration are logged, and have no effect.
 */
export async function watchStoredKeys(
  url: string,
  { log, isWorker, onLimitsChanged }: StoredKeysOptions,
): Promise<KeysWatch> {
  const table = new RedisKeyTable(url)
  const lookup = cachedLookup(
    async (digest) => {
      const record = await table.recordOf(digest)
      if (!limits.isRead) await refresh()
      if (!limits.isRead) throw new Error('the limits of clients cannot be read')
      return record && clientOf(record)
    },
    {
      maxAge: MAX_AGE_MS,
      maxStaleAge: MAX_STALE_AGE_MS,
      maxKeys: MAX_CACHED,
      timeout: LOOKUP_TIMEOUT_MS,
    },
  )
  const limits = new StoredLimits()
  let known: KnownVersion = { epoch: '', version: '0', limits: '' }
  let hasFailed = false
  let isStopped = false
  let timer: NodeJS.Timeout | undefined
  let current: Promise<void> = Promise.resolve()

  const follow = async () => {
    try {
      const { changed, ...version } = await table.changesSince(known)
      const hasNewLimits = version.epoch !== known.epoch || version.limits !== known.limits
      // Revoked keys do not wait until the limits are read. Until then, their version stays the known one.
      known = { ...version, limits: hasNewLimits ? '' : version.limits }
      if (changed === 'all') lookup.forget()
      else for (const digest of changed) lookup.forget(digest)
      if (hasNewLimits) {
        const isChanged = limits.set(await table.limited())
        known = version
        if (isChanged) onLimitsChanged()
      }
      if (hasFailed) log.info({}, 'the keys in the store can be read again')
      hasFailed = false
    } catch (error) {
      if (!hasFailed && !isStopped)
        log.error(
          { reason: (error as Error).message },
          'cannot read the keys in the store; known keys stay valid for up to 11 minutes',
        )
      hasFailed = true
    }
  }
  /** Looks at the changes after the look that is under way. */
  const refresh = () => {
    current = current.then(follow)
    return current
  }
  const schedule = () => {
    timer = setTimeout(async () => {
      await refresh()
      if (!isStopped) schedule()
    }, POLL_INTERVAL_MS).unref()
  }
  await refresh()
  schedule()
  return {
    lookup,
    limitsFor: (config) => limits.fitting(config, isWorker ? undefined : log),
    source: undefined,
    refresh,
    stop() {
      isStopped = true
      clearTimeout(timer)
      void table.close()
    },
  }
}

function clientOf({ client, tier, labels, expires }: KeyRecord): FoundClient {
  return {
    id: client,
    ...(tier !== undefined && { tier }),
    ...(labels !== undefined && { labels }),
    ...(expires !== undefined && { expires }),
  }
}
