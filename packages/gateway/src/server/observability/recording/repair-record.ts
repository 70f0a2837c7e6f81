import { createWriteStream } from 'node:fs'
import { open, rename, rm } from 'node:fs/promises'
import { pipeline } from 'node:stream/promises'
import { createGzip } from 'node:zlib'
import { FileSeries } from '../../../replay/record/file-series.js'

/** An empty gzip member that ends a closed file. Decompressing it yields nothing. */
export const END_MARKER = Buffer.from('1f8b080000000000000303000000000000000000', 'hex')

/**
 * Reports whether a file was closed. The file of a killed gateway was not closed, and data appended
 * to it would be unreadable.
 */
export async function isComplete(file: string): Promise<boolean> {
  const handle = await open(file)
  try {
    const { size } = await handle.stat()
    const last = Buffer.alloc(END_MARKER.length)
    await handle.read(last, 0, END_MARKER.length, Math.max(0, size - END_MARKER.length))
    return last.equals(END_MARKER)
  } finally {
    await handle.close()
  }
}

/**
 * Rewrites a file that was not closed, up to its last complete line.
 *
 * @returns false, leaving the file unchanged, if part of it cannot be read
 * @throws Error, leaving the file unchanged, if the disk fails
 */
export async function repairRecord(file: string): Promise<boolean> {
  const repaired = `${file}.mended`
  const broken = await FileSeries.open(file, 1)
  try {
    // The lowest level takes a third of the time, and the file is only slightly larger.
    await pipeline(broken.lines(), createGzip({ level: 1 }), createWriteStream(repaired, { mode: 0o600 }))
    if (broken.damaged > 0) return false
    await rename(repaired, file)
    return true
  } finally {
    await broken.close()
    await rm(repaired, { force: true })
  }
}
