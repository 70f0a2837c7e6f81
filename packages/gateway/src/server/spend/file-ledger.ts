import { open } from 'node:fs/promises'
import { readBounded, UnreadableFileError } from '../../policy/config/files/bounded-read.js'
import { replaceFile } from '../../policy/config/files/replace-file.js'
import type { Log } from '../logging/log.js'
import { inTurns } from './event-loop-turns.js'
import { HEADER, type Journal, lineOf, readJournal, snapshotOf } from './journal.js'
import { type LedgerOptions, MemoryLedger } from './memory-ledger.js'
import type { Month } from './months.js'
import type { AddResult, SpendBatch, SpendLedger, VisitEntry } from './spend-ledger.js'

/** Above the size of a file with as many entries as there can be, in bytes. */
const MAX_FILE_BYTES = 512 * 2 ** 20
/** Timeout for reading the file, in milliseconds. */
const READ_TIMEOUT_MS = 60_000
/** Bytes that are appended at least before the file is rewritten. */
const MIN_APPENDED_BYTES = 4 * 2 ** 20
/** Maximum number of operations that wait for a file system that hangs. */
const MAX_WAITING = 10

export interface FileLedgerOptions extends LedgerOptions {
  readonly log: Pick<Log, 'warn' | 'error'>
  /** Bytes that are appended at least before the file is rewritten. */
  readonly minAppendedBytes?: number
}

/**
 * A ledger in memory whose batches are appended to a file, which is read at the start. Once the
 * appended batches are larger than the rest, the file is replaced with the sums. A crash loses at most
 * the batch that is being written.
 */
export class FileLedger implements SpendLedger {
  readonly kept = 'file'
  readonly #memory: MemoryLedger
  readonly #minAppended: number
  /** Bytes appended since the file was rewritten, and the number at which it is rewritten. */
  #appended = 0
  #rewriteAt: number
  /** The last batch in the file. It is sent again if that took too long. */
  #written: string | undefined
  /** Serializes the operations on the file. */
  #last: Promise<unknown> = Promise.resolve()
  #waiting = 0

  constructor(
    private readonly file: string,
    private readonly options: FileLedgerOptions,
  ) {
    this.#memory = new MemoryLedger(options)
    this.#minAppended = options.minAppendedBytes ?? MIN_APPENDED_BYTES
    this.#rewriteAt = this.#minAppended
  }

  start(): Promise<void> {
    return this.#exclusive(async () => {
      const journal = await this.#read()
      if (journal === undefined) return
      if (journal.unreadable > 0)
        this.options.log.error(
          { file: this.file, lines: journal.unreadable },
          'lines of the spend file cannot be read; they are skipped',
        )
      await restore(this.#memory, journal)
      await this.#replace(this.#memory)
    })
  }

  async add(batch: SpendBatch): Promise<AddResult> {
    const { writer, sequence, month, entries } = batch
    const id = `${writer}:${sequence}`
    const result = await this.#memory.add(batch)
    await this.#exclusive(async () => {
      if (this.#written !== id) await this.#append(id, lineOf({ id, month, entries }))
    })
    return result
  }

  read(months: readonly Month[], visit: VisitEntry): Promise<void> {
    return this.#memory.read(months, visit)
  }

  async forget(client: string): Promise<number> {
    const moved = await this.#memory.forget(client)
    await this.#exclusive(async () => {
      const current = await this.#current()
      await current.forget(client)
      await this.#replace(current)
    })
    return moved
  }

  /** Waits until the file is written. */
  async close(): Promise<void> {
    await this.#last
  }

  async #append(id: string, line: string): Promise<void> {
    const handle = await open(this.file, 'a', 0o600)
    try {
      const { size } = await handle.stat()
      // An operator has removed the file, or there was none.
      if (size === 0) await this.#replace(this.#memory)
      else {
        await handle.appendFile(line)
        await handle.datasync()
        this.#appended += line.length
      }
    } finally {
      await handle.close()
    }
    this.#written = id
    if (this.#appended > this.#rewriteAt) await this.#rewrite()
  }

  /** Replaces the batches in the file with their sums. If this fails, the file stays as it is. */
  async #rewrite(): Promise<void> {
    try {
      await this.#replace(await this.#current())
    } catch (error) {
      this.#rewriteAt *= 2
      const { message: reason } = error as Error
      this.options.log.warn({ file: this.file, reason }, 'cannot rewrite the spend file; it keeps growing')
    }
  }

  /** Reads the ledger in the file, to which another process may have appended as well. */
  async #current(): Promise<MemoryLedger> {
    const ledger = new MemoryLedger(this.options)
    const journal = await this.#read()
    if (journal === undefined) return this.#memory
    await restore(ledger, journal)
    return ledger
  }

  async #replace(ledger: MemoryLedger): Promise<void> {
    const text = await snapshotOf(ledger)
    await replaceFile(this.file, text)
    this.#appended = 0
    this.#rewriteAt = Math.max(this.#minAppended, text.length)
  }

  /** Returns undefined if the file does not exist or is empty. */
  async #read(): Promise<Journal | undefined> {
    const bounds = { maxBytes: MAX_FILE_BYTES, timeoutMs: READ_TIMEOUT_MS, onlyFiles: true }
    const bytes = await readBounded(this.file, bounds).catch((error: unknown) => {
      if (error instanceof UnreadableFileError && error.code === 'ENOENT') return undefined
      throw new Error(`${this.file}: ${(error as Error).message}`)
    })
    if (bytes === undefined || bytes.length === 0) return undefined
    const journal = await readJournal(bytes)
    if (journal !== undefined) return journal
    throw new TypeError(
      `${this.file} is not a spend file written by the gateway, which begins with ${HEADER}; restore or remove it`,
    )
  }

  #exclusive<T>(operation: () => Promise<T>): Promise<T> {
    if (this.#waiting >= MAX_WAITING)
      return Promise.reject(new Error(`earlier operations on ${this.file} have not ended`))
    this.#waiting++
    const result = this.#last.then(operation).finally(() => {
      this.#waiting--
    })
    this.#last = result.catch(() => {})
    return result
  }
}

async function restore(ledger: MemoryLedger, { batches }: Journal): Promise<void> {
  for await (const { id, month, entries } of inTurns(batches, 2)) ledger.addNow(month, entries, id === '')
}
