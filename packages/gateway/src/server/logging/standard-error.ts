import { constants, fstatSync, openSync, write, writeSync } from 'node:fs'
import type { Sink } from './line-writer.js'

const STDERR = 2

/**
 * Creates a sink for standard error that never blocks this process.
 *
 * A pipe, terminal or device is opened again in non-blocking mode. Making the descriptor itself
 * non-blocking would change it for every process that shares it. A regular file is written in a
 * thread of Node's pool, since its disk may hang.
 */
export function standardErrorSink(): Sink {
  try {
    const found = fstatSync(STDERR)
    if (found.isFile()) return writeInThread
    if (found.isFIFO() || found.isCharacterDevice()) {
      const flags = constants.O_WRONLY | constants.O_APPEND | constants.O_NONBLOCK | constants.O_NOCTTY
      const fd = openSync(`/proc/self/fd/${STDERR}`, flags)
      return (bytes) => writeSync(fd, bytes)
    }
  } catch {
    // A pipe of another user, or a system without /proc.
  }
  // Opening the stream makes Node set sockets and pipes to non-blocking.
  void process.stderr
  return writeInThread
}

function writeInThread(bytes: Buffer): Promise<number> {
  return new Promise((resolve, reject) => {
    write(STDERR, bytes, (error, written) => (error ? reject(error) : resolve(written)))
  })
}
