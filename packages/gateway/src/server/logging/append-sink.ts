import { constants, open } from 'node:fs/promises'
import type { Sink } from './line-writer.js'

/**
 * Creates a sink that appends to a file, which may be shared with other processes.
 *
 * The file is opened for each write, so that no lines go to a file that was rotated. Opening a named
 * pipe does not wait for its reader.
 */
export function appendSink(file: string): Sink {
  return async (bytes) => {
    const flags = constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | (constants.O_NONBLOCK ?? 0)
    const handle = await open(file, flags, 0o600)
    try {
      return (await handle.write(bytes)).bytesWritten
    } finally {
      await handle.close()
    }
  }
}
