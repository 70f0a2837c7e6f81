import { appendFile } from 'node:fs/promises'
import type { Log } from '../../log.js'
import type { Act } from '../live/live-types.js'

/** One line of the audit log. */
interface AuditLine {
  /** The address that it came from; `anybody` where several are told of at once. */
  readonly from: string
  /** Undefined where it was none. */
  readonly act: Act | undefined
  readonly outcome: 'done' | 'refused' | 'failed'
  /** What was done, or why it was refused or failed. */
  readonly detail: string
}

/** For so many milliseconds the refusals of who has no token are summed up. */
const QUIET_MS = 1000

/** Keeps what was done to a gateway that runs, and what somebody tried to: in the log, and a line of JSON each in a file. */
export class AuditLog {
  readonly #log: Pick<Log, 'info' | 'error'>
  readonly #file: string | undefined
  #written: Promise<void> = Promise.resolve()
  /** Runs while they are summed up. */
  #quiet: NodeJS.Timeout | undefined
  #strangersUntold = 0

  constructor(log: Pick<Log, 'info' | 'error'>, file: string | undefined) {
    this.#log = log
    this.#file = file
  }

  /** Resolves when it is written. Where the file cannot be written, that is logged, and never rejects. */
  async tell(line: AuditLine): Promise<void> {
    this.#log.info({ audit: line }, 'somebody acted on the rules')
    const file = this.#file
    if (file === undefined) return
    const text = `${JSON.stringify({ time: new Date().toISOString(), ...line })}\n`
    this.#written = this.#written
      .then(() => appendFile(file, text, { mode: 0o600 }))
      .catch((error: Error) =>
        this.#log.error({ file, reason: error.message }, 'the audit log cannot be written'),
      )
    await this.#written
  }

  /** Somebody without the token tried: a line for the first of a second, and one for all the others of it. */
  async tellStranger(from: string, reason: string): Promise<void> {
    if (this.#quiet !== undefined) {
      this.#strangersUntold++
      return
    }
    this.#quiet = setTimeout(() => this.close(), QUIET_MS)
    this.#quiet.unref()
    await this.tell({ from, act: undefined, outcome: 'refused', detail: reason })
  }

  /** Tells what is untold. */
  async close(): Promise<void> {
    clearTimeout(this.#quiet)
    this.#quiet = undefined
    const more = this.#strangersUntold
    this.#strangersUntold = 0
    const detail = `${more} more without the token within a second`
    if (more > 0) await this.tell({ from: 'anybody', act: undefined, outcome: 'refused', detail })
    await this.#written
  }
}
