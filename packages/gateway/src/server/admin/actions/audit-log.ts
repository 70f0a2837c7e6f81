import { appendSink } from '../../logging/append-sink.js'
import { LineWriter } from '../../logging/line-writer.js'
import type { Log } from '../../logging/log.js'
import type { AdminAction } from '../api/admin-actions.js'
import type { KeyAction } from '../api/admin-keys.js'

export type AuditedAction = AdminAction | KeyAction

/** One line of the audit log. */
interface AuditLine {
  /** The address of the client; `anybody` if the line summarizes several requests. */
  readonly from: string
  /** The name of the admin token; undefined without a valid token. */
  readonly who: string | undefined
  /** The action with its target, its reason and its end; undefined if the request contained no valid one. */
  readonly act: AuditedAction | undefined
  readonly outcome: 'done' | 'refused' | 'failed'
  /** The change, or why the action was refused or failed. */
  readonly detail: string
}

/** Interval in which refused requests without the token are summarized, in milliseconds. */
const SUMMARY_INTERVAL_MS = 1000

/** Maximum time that an action waits for its line to be written, in milliseconds. */
const WRITE_TIMEOUT_MS = 1000

/** Records performed and attempted actions in the log and, as lines of JSON, in a file. */
export class AuditLog {
  readonly #log: Pick<Log, 'info' | 'error'>
  /** Undefined if no file is configured. */
  readonly #writer: LineWriter | undefined
  /** Set while refused requests without the token are being counted for a summary. */
  #summaryTimer: NodeJS.Timeout | undefined
  #unauthorizedCount = 0

  constructor(log: Pick<Log, 'info' | 'error'>, file: string | undefined) {
    this.#log = log
    this.#writer =
      file === undefined
        ? undefined
        : new LineWriter({
            sink: appendSink(file),
            onFailure: ({ message: reason }) => log.error({ file, reason }, 'cannot write the audit log'),
          })
  }

  /** Number of lines that could not be written to the file. */
  get dropped(): number {
    return this.#writer?.dropped ?? 0
  }

  /**
   * Resolves when the line is written, or after a timeout if the file hangs. Failures are logged.
   * Never rejects.
   */
  async write(line: AuditLine): Promise<void> {
    this.#log.info({ audit: line }, 'admin action')
    this.#writer?.write(`${JSON.stringify({ time: new Date().toISOString(), ...line })}\n`)
    await this.#writer?.flush(WRITE_TIMEOUT_MS)
  }

  /**
   * Records a request without the token. The first in each second gets its own line; the others are
   * summarized in one.
   */
  async writeUnauthorized(from: string, who: string | undefined, reason: string): Promise<void> {
    if (this.#summaryTimer !== undefined) {
      this.#unauthorizedCount++
      return
    }
    this.#summaryTimer = setTimeout(() => this.close(), SUMMARY_INTERVAL_MS)
    this.#summaryTimer.unref()
    await this.write({ from, who, act: undefined, outcome: 'refused', detail: reason })
  }

  /** Writes the pending summary, then flushes the file. */
  async close(): Promise<void> {
    clearTimeout(this.#summaryTimer)
    this.#summaryTimer = undefined
    const count = this.#unauthorizedCount
    this.#unauthorizedCount = 0
    const detail = `${count} more ${count === 1 ? 'request' : 'requests'} without the token within a second`
    if (count > 0)
      await this.write({ from: 'anybody', who: undefined, act: undefined, outcome: 'refused', detail })
    await this.#writer?.flush(WRITE_TIMEOUT_MS)
  }
}
