import type { KeyLookup } from 'sluice/identity'
import { ConfigError } from '../config/load.js'
import { versionOf, watchFile } from '../file-watch.js'
import type { Log } from '../log.js'
import { loadKeys } from './key-file.js'

/** The keys of a file, as it stands now. */
export interface WatchedKeys {
  readonly lookup: KeyLookup
  stop(): void
}

/**
 * Reads a file of keys, and again whenever it changes. A change that is wrong is logged, and the old keys stay.
 *
 * @throws ConfigError where the file is wrong to begin with.
 */
export async function watchKeys(file: string, log: Log): Promise<WatchedKeys> {
  // Before the file is read, so that no change of it goes unseen.
  const version = await versionOf(file)
  let keys = await loadKeys(file)
  const watch = watchFile(file, version, async () => {
    try {
      keys = await loadKeys(file)
      log.info({ file }, 'the keys were taken up')
    } catch (error) {
      const problems = error instanceof ConfigError ? error.problems : [{ message: String(error) }]
      log.error({ file, problems }, 'the file of keys was refused; the old keys stay')
    }
  })
  return { lookup: (digest) => keys(digest), stop: () => watch.stop() }
}
