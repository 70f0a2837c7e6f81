import { rm, writeFile } from 'node:fs/promises'
import { setTimeout } from 'node:timers/promises'
import { KeyError } from './key-error.js'

/** Timeout for a lock that another process holds, and interval between attempts. */
const LOCK_TIMEOUT_MS = 5_000
const LOCK_RETRY_MS = 50

/**
 * Runs a change under a lock file. Without the lock, concurrent changes could lose a key.
 *
 * @throws KeyError if another process holds the lock for too long
 */
export async function withLock<T>(file: string, change: () => Promise<T>): Promise<T> {
  const lock = `${file}.lock`
  for (let waitedMs = 0; !(await createLock(lock)); waitedMs += LOCK_RETRY_MS) {
    if (waitedMs >= LOCK_TIMEOUT_MS)
      throw new KeyError('unavailable', `another process is changing ${file}; if none is, remove ${lock}`)
    await setTimeout(LOCK_RETRY_MS)
  }
  try {
    return await change()
  } finally {
    await rm(lock, { force: true })
  }
}

/** @returns false if the lock exists */
async function createLock(lock: string): Promise<boolean> {
  try {
    await writeFile(lock, '', { mode: 0o600, flag: 'wx' })
    return true
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false
    throw error
  }
}
