import { appendFile } from 'node:fs/promises'
import type { Log } from '../../log.js'
import type { Act } from '../live/live-types.js'

/** One line of the audit log. */
interface AuditLine {
  /** The address that it came from. */
  readonly from: string
  /** Undefined where it was none. */
  readonly act: Act | undefined
  readonly outcome: 'done' | 'refused'
  /** What was done, or why it was refused. */
  readonly detail: string
}

/** Within so many milliseconds no second refusal is told of who has no token. */
const QUIET_MS = 1000

/** Keeps what was done to a gateway that runs, and what somebody tried to: in the log, and a line of JSON each in a file. */
export class AuditLog {
  readonly #log: Pick<Log, 'info' | 'error'>
  readonly #file: string | undefined
  #written: Promise<void> = Promise.resolve()
  #strangerAt = Number.NEGATIVE_INFINITY
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

  /** Somebody without the token tried: a line a second at most, which says how many it stands for. */
  async tellStranger(from: string, reason: string): Promise<void> {
    const now = performance.now()
    if (now - this.#strangerAt < QUIET_MS) {
      this.#strangersUntold++
      return
    }
    const more = this.#strangersUntold === 0 ? '' : ` (and ${this.#strangersUntold} more before)`
    this.#strangerAt = now
    this.#strangersUntold = 0
    await this.tell({ from, act: undefined, outcome: 'refused', detail: `${reason}${more}` })
  }
}
