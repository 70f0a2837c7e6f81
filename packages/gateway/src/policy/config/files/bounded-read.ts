import type { Stats } from 'node:fs'
import { constants, type FileHandle, open } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'

/** Timeout for reading a small file, in milliseconds. A hung mount never responds. */
export const READ_TIMEOUT_MS = 5000

/** Interval at which a pipe without data is read again, in milliseconds. */
const PIPE_INTERVAL_MS = 20

const CHUNK_BYTES = 64 * 1024

/** Thrown for a file that cannot be read. The message is for operators. */
export class UnreadableFileError extends Error {
  override readonly name = 'UnreadableFileError'

  /** @param code the system error code, such as ENOENT */
  constructor(
    message: string,
    readonly code: string,
  ) {
    super(message)
  }
}

export interface ReadBounds {
  readonly maxBytes: number
  /** Default: READ_TIMEOUT_MS. */
  readonly timeoutMs?: number
  /** True to reject pipes and devices, which cannot be read twice. Default: false. */
  readonly onlyFiles?: boolean
}

/** The files whose last read timed out and has not ended since. */
const hungFiles = new Set<string>()

/**
 * Reads a whole file, pipe or device, with a limit on its size and a timeout.
 *
 * A read that times out may occupy a thread of Node's pool until the operating system responds.
 * Until then, further reads of the file fail immediately, because each would occupy another thread.
 * A pipe without a writer occupies no thread.
 *
 * @throws UnreadableFileError
 */
export async function readBounded(file: string, bounds: ReadBounds): Promise<Buffer> {
  const { timeoutMs = READ_TIMEOUT_MS } = bounds
  if (hungFiles.has(file)) throw timedOut(timeoutMs)
  const read = readAll(file, bounds, performance.now() + timeoutMs)
  try {
    return await withTimeout(timeoutMs, read)
  } catch (error) {
    // If the read has ended, the file is removed before the caller gets the error.
    hungFiles.add(file)
    const onEnd = () => void hungFiles.delete(file)
    read.then(onEnd, onEnd)
    throw error
  }
}

/** Settles as `work` does, or rejects after the timeout. @throws UnreadableFileError */
export async function withTimeout<T>(timeoutMs: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const expired = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(timedOut(timeoutMs)), timeoutMs)
  })
  try {
    return await Promise.race([work, expired])
  } finally {
    clearTimeout(timer)
  }
}

async function readAll(file: string, bounds: ReadBounds, deadline: number): Promise<Buffer> {
  let handle: FileHandle | undefined
  try {
    // Non-blocking, so that opening a pipe does not wait for its writer.
    handle = await open(file, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0))
    const stats = await handle.stat()
    const kind = kindOf(stats)
    if (kind === 'a directory')
      throw new UnreadableFileError('the path is a directory; name a file in it', 'EISDIR')
    if (bounds.onlyFiles && kind !== undefined)
      throw new UnreadableFileError(`the path is ${kind}; name a regular file`, 'EINVAL')
    return await readHandle(handle, stats.isFIFO(), bounds, deadline)
  } catch (error) {
    throw error instanceof UnreadableFileError ? error : unreadable(error as NodeJS.ErrnoException)
  } finally {
    await handle?.close()
  }
}

async function readHandle(
  handle: FileHandle,
  isPipe: boolean,
  { maxBytes, timeoutMs = READ_TIMEOUT_MS }: ReadBounds,
  deadline: number,
): Promise<Buffer> {
  const chunks: Buffer[] = []
  let length = 0
  while (length <= maxBytes) {
    if (performance.now() > deadline) throw timedOut(timeoutMs)
    const chunk = Buffer.allocUnsafe(CHUNK_BYTES)
    const bytesRead = await readChunk(handle, chunk)
    // A pipe without a writer reports its end before the first byte.
    if (bytesRead === 'no data yet' || (bytesRead === 0 && isPipe && length === 0))
      await delay(PIPE_INTERVAL_MS)
    else if (bytesRead === 0) return Buffer.concat(chunks, length)
    else {
      chunks.push(chunk.subarray(0, bytesRead))
      length += bytesRead
    }
  }
  throw new UnreadableFileError(`the file is larger than ${maxBytes} bytes`, 'EFBIG')
}

async function readChunk(handle: FileHandle, chunk: Buffer): Promise<number | 'no data yet'> {
  try {
    return (await handle.read(chunk, 0, chunk.length, null)).bytesRead
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return 'no data yet'
    throw error
  }
}

/** Describes the type of a file, such as `a directory`; undefined for a regular file. */
export function kindOf(
  stats: Pick<Stats, 'isFile' | 'isDirectory' | 'isFIFO' | 'isSocket'>,
): string | undefined {
  if (stats.isFile()) return undefined
  if (stats.isDirectory()) return 'a directory'
  if (stats.isFIFO()) return 'a pipe'
  return stats.isSocket() ? 'a socket' : 'a device'
}

function timedOut(timeoutMs: number): UnreadableFileError {
  return new UnreadableFileError(`the file could not be read within ${timeoutMs / 1000} s`, 'ETIMEDOUT')
}

/** Converts a system error to an error for operators. */
export function unreadable({ code = '', message }: NodeJS.ErrnoException): UnreadableFileError {
  return new UnreadableFileError(REASONS[code] ?? `the file cannot be read: ${message}`, code)
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'the file does not exist',
  ENOTDIR: 'the file does not exist: part of its path is not a directory',
  EACCES: 'permission denied: this user cannot read the file',
  EPERM: 'permission denied: this user cannot read the file',
  ENXIO: 'the path is a socket; name a regular file',
  EMFILE: 'this process is out of file descriptors',
  ENFILE: 'the machine is out of file descriptors',
}
