import { stat } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import { kindOf, READ_TIMEOUT_MS, UnreadableFileError, unreadable, withTimeout } from './bounded-read.js'

/** The default polling interval, in milliseconds. */
const POLL_INTERVAL_MS = 1000

/**
 * Time after a change during which every poll reads the file, in milliseconds. The timestamps of
 * some file systems have a resolution of only two seconds.
 */
const RECENT_CHANGE_MS = 3000

/** Interval between reads during a reload on demand, in milliseconds. */
const RELOAD_INTERVAL_MS = 100
/** Maximum number of times that a reload on demand reads a file that keeps changing. */
const MAX_RELOAD_READS = 20

/**
 * Number of failed polls before a failure is reported. Some editors remove a file before they write
 * it again.
 */
const FAILURES_BEFORE_REPORT = 2

export interface FileWatchOptions {
  readonly file: string
  /** Other files whose changes also change the content that `read` returns. */
  readonly otherFiles?: readonly string[]
  /** The content in use. */
  readonly text: string
  /** Reads the file. @throws UnreadableFileError */
  readonly read: (file: string, options: { readonly onlyFiles: boolean }) => Promise<string>
  /**
   * Called with new content once two polls have read it. Calls never overlap. Must not reject.
   *
   * @returns `retry` to be called again with the same content at the next poll
   */
  readonly onChange: (text: string) => Promise<'done' | 'retry'>
  /** Called when the file becomes unreadable, and again if the reason changes. */
  readonly onUnreadable: (reason: string) => void
  /** Called when the file is readable again after `onUnreadable`. */
  readonly onReadable: () => void
  /** Default: POLL_INTERVAL_MS. */
  readonly intervalMs?: number
  /** Default: READ_TIMEOUT_MS. */
  readonly timeoutMs?: number
}

/**
 * Watches a file by polling. System notifications miss files that editors replace, symlinks that
 * orchestrators replace, and network mounts.
 *
 * New content is used once two polls have read it, so a partly written file is never used. Polling
 * continues while the file cannot be read. A hung read is abandoned, and no other read starts until
 * it has ended.
 */
export class FileWatch {
  readonly #options: FileWatchOptions
  readonly #timer: NodeJS.Timeout
  #inUse: string
  /** The content that the last poll read, if it differs from the content in use. */
  #candidate: string | undefined
  /** The version of the file that does not need to be read again. */
  #knownVersion: string | undefined
  #failures = 0
  #reported: string | undefined
  /** The read in progress, even if it has been abandoned. */
  #reading: Promise<unknown> | undefined
  #pending: Promise<void> | undefined

  constructor(options: FileWatchOptions) {
    this.#options = options
    this.#inUse = options.text
    this.#timer = setInterval(() => this.#pollUnlessBusy(), options.intervalMs ?? POLL_INTERVAL_MS).unref()
  }

  /**
   * Reads the file now and uses its content even if it is unchanged. Two consecutive reads must
   * agree.
   */
  async reloadNow(): Promise<void> {
    const before = this.#pending
    const reload = (async () => {
      await before
      await this.#reload()
    })()
    this.#pending = reload
    await reload
    if (this.#pending === reload) this.#pending = undefined
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  async #pollUnlessBusy(): Promise<void> {
    if (this.#pending !== undefined || this.#reading !== undefined) return
    const poll = this.#poll()
    this.#pending = poll
    await poll
    if (this.#pending === poll) this.#pending = undefined
  }

  async #poll(): Promise<void> {
    const { file, otherFiles = [], read, onChange } = this.#options
    let text: string | undefined
    try {
      text = await this.#withTimeout(async () => {
        const { version, isRecent } = await versionOf([file, ...otherFiles])
        if (version === this.#knownVersion && this.#failures === 0) return undefined
        const found = await read(file, { onlyFiles: true })
        if (!isRecent && found === this.#inUse) this.#knownVersion = version
        return found
      })
    } catch (error) {
      this.#candidate = undefined
      this.#onFailure(error as Error)
      return
    }
    this.#onSuccess()
    if (text === undefined || text === this.#inUse) this.#candidate = undefined
    else if (text !== this.#candidate) this.#candidate = text
    else if ((await onChange(text)) === 'done') this.#inUse = text
  }

  async #reload(): Promise<void> {
    const { file, read, onChange } = this.#options
    const readOnce = () => this.#withTimeout(() => read(file, { onlyFiles: false }))
    try {
      if (this.#reading !== undefined) await withTimeout(this.#timeoutMs, this.#reading)
      let text = await readOnce()
      // A pipe can be read only once, and is complete when its writer closes it.
      let isStable = kindOf(await stat(file)) !== undefined
      for (let reads = 1; !isStable && reads < MAX_RELOAD_READS; reads++) {
        await delay(RELOAD_INTERVAL_MS)
        const again = await readOnce()
        isStable = again === text
        text = again
      }
      if (!isStable)
        throw new UnreadableFileError(
          'the file is still being written; it is reloaded once it stops changing',
          'EBUSY',
        )
      this.#onSuccess()
      if ((await onChange(text)) === 'done') this.#inUse = text
    } catch (error) {
      this.#failures = FAILURES_BEFORE_REPORT
      this.#reported = undefined
      this.#onFailure(error as Error)
    }
  }

  get #timeoutMs(): number {
    return this.#options.timeoutMs ?? READ_TIMEOUT_MS
  }

  #withTimeout<T>(work: () => Promise<T>): Promise<T> {
    const reading = work()
    const ended = () => {
      if (this.#reading === settled) this.#reading = undefined
    }
    const settled: Promise<unknown> = reading.then(ended, ended)
    this.#reading = settled
    return withTimeout(this.#timeoutMs, reading)
  }

  #onFailure(error: Error): void {
    this.#failures++
    const reason = error.message
    // A timeout is reported at once: it has already taken longer than several polls.
    const isCertain = this.#failures >= FAILURES_BEFORE_REPORT || this.#reading !== undefined
    if (!isCertain || reason === this.#reported) return
    this.#reported = reason
    this.#options.onUnreadable(reason)
  }

  #onSuccess(): void {
    this.#failures = 0
    if (this.#reported === undefined) return
    this.#reported = undefined
    this.#options.onReadable()
  }
}

/** Identifies a version of files by their metadata. @throws UnreadableFileError */
async function versionOf(
  files: readonly string[],
): Promise<{ readonly version: string; readonly isRecent: boolean }> {
  const found = await Promise.all(files.map((file) => stat(file))).catch((error) => {
    throw unreadable(error)
  })
  const changedAt = Math.max(...found.map(({ mtimeMs, ctimeMs }) => Math.max(mtimeMs, ctimeMs)))
  const versions = found.map(({ dev, ino, size, mtimeMs, ctimeMs }) => [dev, ino, size, mtimeMs, ctimeMs])
  return { version: versions.flat().join(' '), isRecent: Date.now() - changedAt < RECENT_CHANGE_MS }
}
