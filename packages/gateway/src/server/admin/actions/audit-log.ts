import { constants, open } from 'node:fs/promises'
import { LineWriter } from '../../logging/line-writer.js'
import type { Log } from '../../logging/log.js'
import type { Act } from '../api/live-types.js'

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

/** How long an act waits for its line to be written, in milliseconds. */
const WRITE_TIMEOUT_MS = 1000

/** Keeps what was done to a gateway that runs, and what somebody tried to: in the log, and a line of JSON each in a file. */
export class AuditLog {
  readonly #log: Pick<Log, 'info' | 'error'>
  /** Undefined where no file is kept. */
  readonly #writer: LineWriter | undefined
  /** Runs while they are summed up. */
  #quiet: NodeJS.Timeout | undefined
  #strangersUntold = 0

  constructor(log: Pick<Log, 'info' | 'error'>, file: string | undefined) {
    this.#log = log
    this.#writer =
      file === undefined
        ? undefined
        : new LineWriter({
            sink: (bytes) => append(file, bytes),
            onFailure: ({ message: reason }) =>
              log.error({ file, reason }, 'the audit log cannot be written'),
          })
  }

  /** Lines that the file did not take. */
  get dropped(): number {
    return this.#writer?.dropped ?? 0
  }

  /** Resolves when it is written. A file that fails or hangs is logged and holds up no act for long. Never rejects. */
  async tell(line: AuditLine): Promise<void> {
    this.#log.info({ audit: line }, 'somebody acted on the rules')
    this.#writer?.write(`${JSON.stringify({ time: new Date().toISOString(), ...line })}\n`)
    await this.#writer?.flush(WRITE_TIMEOUT_MS)
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
    await this.#writer?.flush(WRITE_TIMEOUT_MS)
  }
}

/** Opened for each write, so that a file that was rotated away is not written to; and without waiting for the reader of a pipe. */
async function append(file: string, bytes: Buffer): Promise<number> {
  const flags = constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | (constants.O_NONBLOCK ?? 0)
  const handle = await open(file, flags, 0o600)
  try {
    return (await handle.write(bytes)).bytesWritten
  } finally {
    await handle.close()
  }
}
