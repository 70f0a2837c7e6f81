import { stripVTControlCharacters } from 'node:util'
import type { Log, ProcessLog } from './log.js'

/** Text of one line, at most; in characters. */
const MAX_LENGTH = 4000

/**
 * Logs what libraries and Node print in plain text, so that each line of a gateway's output is JSON: `console.*`, writes to the
 * standard streams, and warnings of the process.
 *
 * @returns ends it: the streams print again
 */
export function logStrayOutput(log: Pick<Log, 'info' | 'warn'>): () => void {
  const restores = [
    redirect(process.stdout, (text) => log.info({ source: 'stdout' }, text)),
    redirect(process.stderr, (text) => log.warn({ source: 'stderr' }, text)),
  ]
  // Node's own listener prints plain text.
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

type Written = (error?: Error | null) => void

/** Hands each text that is written to a stream to `onText` instead. */
function redirect(stream: NodeJS.WriteStream, onText: (text: string) => void): () => void {
  const { write } = stream
  stream.write = (chunk: string | Uint8Array, encoding?: BufferEncoding | Written, written?: Written) => {
    const bytes = typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString()
    const text = stripVTControlCharacters(bytes.slice(0, MAX_LENGTH)).trim()
    if (text !== '') onText(text)
    const done = typeof encoding === 'function' ? encoding : written
    if (done !== undefined) process.nextTick(done)
    return true
  }
  return () => {
    stream.write = write
  }
}

/** How long the last line of a process that fails may take, in milliseconds. */
const LAST_LINE_MS = 500

/** Logs an error that nothing catches, and then ends the process with exit code 1, as Node does after printing it. */
export function logFatalErrors(log: Pick<ProcessLog, 'crashed' | 'flush'>): void {
  process.on('uncaughtException', (error) => {
    log.crashed(error)
    void log.flush(LAST_LINE_MS).then(() => process.exit(1))
  })
}
