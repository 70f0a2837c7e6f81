import { stripVTControlCharacters } from 'node:util'
import { exitProcess } from './exit-process.js'
import type { Log, ProcessLog } from './log.js'

/** The maximum length of a logged message, in characters. */
const MAX_LENGTH = 4000

/**
 * Logs plain text that libraries and Node print, so that every line of a gateway's output is JSON.
 * It covers `console.*`, writes to the standard streams, and process warnings.
 *
 * @returns a function that restores the streams
 */
export function logStrayOutput(log: Pick<Log, 'info' | 'warn'>): () => void {
  const restores = [
    redirect(process.stdout, (text) => log.info({ source: 'stdout' }, text)),
    redirect(process.stderr, (text) => log.warn({ source: 'stderr' }, text)),
  ]
  // Node's default listener prints plain text.
  const printers = process.listeners('warning')
  process.removeAllListeners('warning')
  const onWarning = ({ name, code, message }: Error & { readonly code?: string }) => {
    log.warn({ source: 'process', warning: name, ...(code !== undefined && { code }) }, message)
  }
  process.on('warning', onWarning)
  return () => {
    for (const restore of restores) restore()
    process.removeListener('warning', onWarning)
    for (const printer of printers) process.on('warning', printer)
  }
}

type WriteCallback = (error?: Error | null) => void

/** Passes text that is written to a stream to `onText` instead. */
function redirect(stream: NodeJS.WriteStream, onText: (text: string) => void): () => void {
  const { write } = stream
  stream.write = (
    chunk: string | Uint8Array,
    encoding?: BufferEncoding | WriteCallback,
    onWritten?: WriteCallback,
  ) => {
    const bytes = typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString()
    const text = stripVTControlCharacters(bytes.slice(0, MAX_LENGTH)).trim()
    if (text !== '') onText(text)
    const done = typeof encoding === 'function' ? encoding : onWritten
    if (done !== undefined) process.nextTick(done)
    return true
  }
  return () => {
    stream.write = write
  }
}

/** Maximum time to write the last line of a failing process. */
const FLUSH_TIMEOUT_MS = 500

/** Logs an uncaught error and exits with code 1, as Node does after printing one. */
export function logFatalErrors(log: Pick<ProcessLog, 'crashed' | 'flush'>): void {
  process.on('uncaughtException', (error) => {
    log.crashed(error)
    void log.flush(FLUSH_TIMEOUT_MS).then(() => exitProcess(1))
  })
}
