import { constants, fstatSync, openSync, write, writeSync } from 'node:fs'
import type { Sink } from './line-writer.js'

const STDERR = 2

/**
 * A sink for the standard error that never blocks this process.
 *
 * A pipe, a terminal or a device is opened once more, in a mode of its own that does not block: to make the descriptor itself
 * non-blocking would change it for each process that shares it. A regular file is written in a thread of Node's pool, since
 * its disk may hang.
 */
export function standardErrorSink(): Sink {
  try {
    const found = fstatSync(STDERR)
    if (found.isFile()) return inThread
    if (found.isFIFO() || found.isCharacterDevice()) {
      const flags = constants.O_WRONLY | constants.O_APPEND | constants.O_NONBLOCK | constants.O_NOCTTY
      const fd = openSync(`/proc/self/fd/${STDERR}`, flags)
      return (bytes) => writeSync(fd, bytes)
    }
  } catch {
    // Another user's pipe, or a system without /proc.
  }
  // Node makes sockets and pipes of its own standard error non-blocking when it opens them.
  void process.stderr
  return inThread
}

function inThread(bytes: Buffer): Promise<number> {
  return new Promise((resolve, reject) => {
    write(STDERR, bytes, (error, written) => (error ? reject(error) : resolve(written)))
  })
}
