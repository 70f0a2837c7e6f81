import { stat } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import { kindOf, READ_TIMEOUT_MS, UnreadableFileError, unreadable, within } from './bounded-read.js'

/** How often a file is looked at, in milliseconds. */
const POLL_INTERVAL_MS = 1000

/** For so long after its last change a file is read at each look: file systems date changes to as little as two seconds. */
const FRESH_MS = 3000

/** How far apart the two looks of a reload on demand are, and how many there are at most until two agree. */
const DEMANDED_INTERVAL_MS = 100
const DEMANDED_LOOKS = 20

/** Looks that fail before that is reported: some editors replace a file in two steps and leave a gap between them. */
const FAILURES_BEFORE_REPORT = 2

export interface FileWatchOptions {
  readonly file: string
  /** The text that is in use. */
  readonly text: string
  /** Reads the file. @throws UnreadableFileError */
  readonly read: (file: string, options: { readonly onlyFiles: boolean }) => Promise<string>
  /**
   * Called with a text that two looks have found. It never rejects, and one call ends before the next begins.
   *
   * @returns `retry` where the same text may be good a moment later: it is called again at the next look
   */
  readonly onChange: (text: string) => Promise<'done' | 'retry'>
  /** Called once when the file cannot be read, until `onReadable` is called or the reason is another one. */
  readonly onUnreadable: (reason: string) => void
  readonly onReadable: () => void
  /** Default: POLL_INTERVAL_MS. */
  readonly intervalMs?: number
  /** Default: READ_TIMEOUT_MS. */
  readonly timeoutMs?: number
}

/**
 * Watches a file by looking at it, which sees what notifications of the system miss: files that an editor replaces,
 * links that an orchestrator points at another file, and network mounts.
 *
 * A text counts once two looks have found the same one, so that no half of a file that is being written is used. A file that
 * cannot be read is looked at again until it can be. A read that hangs is abandoned, and no other is begun before it ends.
 */
export class FileWatch {
  readonly #options: FileWatchOptions
  readonly #timer: NodeJS.Timeout
  #inUse: string
  /** What the last look found, where it is not in use. */
  #candidate: string | undefined
  /** The version that need not be read again. */
  #settled: string | undefined
  #failures = 0
  #reported: string | undefined
  /** The read that has not ended, which may be an abandoned one. */
  #reading: Promise<unknown> | undefined
  #turn: Promise<void> | undefined

  constructor(options: FileWatchOptions) {
    this.#options = options
    this.#inUse = options.text
    this.#timer = setInterval(() => this.#lookUnlessBusy(), options.intervalMs ?? POLL_INTERVAL_MS).unref()
  }

  /** Reads the file now and uses it, whether it has changed or not. Two reads must agree here too. */
  async reloadNow(): Promise<void> {
    const before = this.#turn
    const turn = (async () => {
      await before
      await this.#demanded()
    })()
    this.#turn = turn
    await turn
    if (this.#turn === turn) this.#turn = undefined
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  async #lookUnlessBusy(): Promise<void> {
    if (this.#turn !== undefined || this.#reading !== undefined) return
    const turn = this.#look()
    this.#turn = turn
    await turn
    if (this.#turn === turn) this.#turn = undefined
  }

  async #look(): Promise<void> {
    const { file, read, onChange } = this.#options
    let text: string | undefined
    try {
      text = await this.#bounded(async () => {
        const { version, isFresh } = await versionOf(file)
        if (version === this.#settled && this.#failures === 0) return undefined
        const found = await read(file, { onlyFiles: true })
        if (!isFresh && found === this.#inUse) this.#settled = version
        return found
      })
    } catch (error) {
      this.#candidate = undefined
      this.#failed(error as Error)
      return
    }
    this.#succeeded()
    if (text === undefined || text === this.#inUse) this.#candidate = undefined
    else if (text !== this.#candidate) this.#candidate = text
    else if ((await onChange(text)) === 'done') this.#inUse = text
  }

  async #demanded(): Promise<void> {
    const { file, read, onChange } = this.#options
    const readOnce = () => this.#bounded(() => read(file, { onlyFiles: false }))
    try {
      if (this.#reading !== undefined) await within(this.#timeoutMs, this.#reading)
      let text = await readOnce()
      // What comes through a pipe can be read once only, and is whole when its writer closes it.
      let agreed = kindOf(await stat(file)) !== undefined
      for (let looks = 1; !agreed && looks < DEMANDED_LOOKS; looks++) {
        await delay(DEMANDED_INTERVAL_MS)
        const again = await readOnce()
        agreed = again === text
        text = again
      }
      if (!agreed)
        throw new UnreadableFileError('the file is being written; it is used once it stays the same', 'EBUSY')
      this.#succeeded()
      if ((await onChange(text)) === 'done') this.#inUse = text
    } catch (error) {
      this.#failures = FAILURES_BEFORE_REPORT
      this.#reported = undefined
      this.#failed(error as Error)
    }
  }

  get #timeoutMs(): number {
    return this.#options.timeoutMs ?? READ_TIMEOUT_MS
  }

  #bounded<T>(work: () => Promise<T>): Promise<T> {
    const reading = work()
    const ended = () => {
      if (this.#reading === settled) this.#reading = undefined
    }
    const settled: Promise<unknown> = reading.then(ended, ended)
    this.#reading = settled
    return within(this.#timeoutMs, reading)
  }

  #failed(error: Error): void {
    this.#failures++
    const reason = error.message
    // A read that timed out has waited long enough to be reported.
    const isCertain = this.#failures >= FAILURES_BEFORE_REPORT || this.#reading !== undefined
    if (!isCertain || reason === this.#reported) return
    this.#reported = reason
    this.#options.onUnreadable(reason)
  }

  #succeeded(): void {
    this.#failures = 0
    if (this.#reported === undefined) return
    this.#reported = undefined
    this.#options.onReadable()
  }
}

/** Tells two states of a file apart. @throws UnreadableFileError */
async function versionOf(file: string): Promise<{ readonly version: string; readonly isFresh: boolean }> {
  const found = await stat(file).catch((error) => {
    throw unreadable(error)
  })
  const { dev, ino, size, mtimeMs, ctimeMs } = found
  const isFresh = Date.now() - Math.max(mtimeMs, ctimeMs) < FRESH_MS
  return { version: [dev, ino, size, mtimeMs, ctimeMs].join(' '), isFresh }
}
