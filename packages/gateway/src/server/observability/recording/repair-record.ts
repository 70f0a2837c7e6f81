import { createWriteStream } from 'node:fs'
import { open, rename, rm } from 'node:fs/promises'
import { pipeline } from 'node:stream/promises'
import { createGzip } from 'node:zlib'
import { RecordSnapshot } from './snapshot.js'

/** What a file ends with that was closed: an empty piece, as gzip writes it. Whoever decompresses the file sees nothing of it. */
export const END = Buffer.from('1f8b080000000000000303000000000000000000', 'hex')

/** Whether a file was closed. One whose gateway was killed was not: what is appended to it could not be read. */
export async function isComplete(file: string): Promise<boolean> {
  const handle = await open(file)
  try {
    const { size } = await handle.stat()
    const last = Buffer.alloc(END.length)
    await handle.read(last, 0, END.length, Math.max(0, size - END.length))
    return last.equals(END)
  } finally {
    await handle.close()
  }
}

/**
 * Writes a file anew that was not closed, up to its last whole line.
 *
 * @returns false, with the file as it was, where there is something in it that cannot be read
 * @throws Error, with the file as it was, where the disk fails
 */
export async function repairRecord(file: string): Promise<boolean> {
  const mended = `${file}.mended`
  const snapshot = await RecordSnapshot.take({ file, files: 1 })
  try {
    // At the lowest level, since lines wait for it: a third of the time, for a file that is hardly longer.
    await pipeline(snapshot.read(), createGzip({ level: 1 }), createWriteStream(mended, { mode: 0o600 }))
    if (snapshot.damaged > 0) return false
    await rename(mended, file)
    return true
  } finally {
    await snapshot.close()
    await rm(mended, { force: true })
  }
}
