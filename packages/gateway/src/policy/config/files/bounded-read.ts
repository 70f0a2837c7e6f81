import type { Stats } from 'node:fs'
import { constants, type FileHandle, open } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'

/** How long a small file may take to read, in milliseconds. A mount that hangs never answers. */
export const READ_TIMEOUT_MS = 5000

/** How often a pipe without data is read again, in milliseconds. */
const PIPE_INTERVAL_MS = 20

const CHUNK_BYTES = 64 * 1024

/** A file that cannot be read. The message says why, in words for an operator. */
export class UnreadableFileError extends Error {
  override readonly name = 'UnreadableFileError'

  /** @param code as Node has it, such as ENOENT */
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
  /** Whether pipes and devices are rejected: what is read from them cannot be read a second time. Default: false. */
  readonly onlyFiles?: boolean
}

/**
 * Reads a whole file, a pipe or a device within a bound of size and of time.
 *
 * An abandoned read may hold one thread of Node's pool until the operating system answers. A pipe without a writer holds none.
 *
 * @throws UnreadableFileError
 */
export async function readBounded(file: string, bounds: ReadBounds): Promise<Buffer> {
  const { timeoutMs = READ_TIMEOUT_MS } = bounds
  return within(timeoutMs, readAll(file, bounds, performance.now() + timeoutMs))
}

/** Settles as `work` does, or rejects once the time is over. @throws UnreadableFileError */
export async function within<T>(timeoutMs: number, work: Promise<T>): Promise<T> {
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
    const found = await handle.stat()
    const kind = kindOf(found)
    if (kind === 'a directory')
      throw new UnreadableFileError('this is a directory; name the file in it', 'EISDIR')
    if (bounds.onlyFiles && kind !== undefined)
      throw new UnreadableFileError(`this is ${kind}, not a file; name a file`, 'EINVAL')
    return await readHandle(handle, found.isFIFO(), bounds, deadline)
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
    const bytesRead = await readSome(handle, chunk)
    // A pipe that nobody has opened for writing yet ends before its first byte.
    if (bytesRead === 'later' || (bytesRead === 0 && isPipe && length === 0)) await delay(PIPE_INTERVAL_MS)
    else if (bytesRead === 0) return Buffer.concat(chunks, length)
    else {
      chunks.push(chunk.subarray(0, bytesRead))
      length += bytesRead
    }
  }
  throw new UnreadableFileError(`the file has more than ${maxBytes} bytes`, 'EFBIG')
}

async function readSome(handle: FileHandle, chunk: Buffer): Promise<number | 'later'> {
  try {
    return (await handle.read(chunk, 0, chunk.length, null)).bytesRead
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return 'later'
    throw error
  }
}

/** What stands at a path where it is no regular file; undefined where it is one. */
export function kindOf(
  found: Pick<Stats, 'isFile' | 'isDirectory' | 'isFIFO' | 'isSocket'>,
): string | undefined {
  if (found.isFile()) return undefined
  if (found.isDirectory()) return 'a directory'
  if (found.isFIFO()) return 'a pipe'
  return found.isSocket() ? 'a socket' : 'a device'
}

function timedOut(timeoutMs: number): UnreadableFileError {
  return new UnreadableFileError(`the file could not be read within ${timeoutMs / 1000} s`, 'ETIMEDOUT')
}

/** Says why a file cannot be read. */
export function unreadable({ code = '', message }: NodeJS.ErrnoException): UnreadableFileError {
  return new UnreadableFileError(REASONS[code] ?? `the file cannot be read: ${message}`, code)
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'the file does not exist',
  ENOTDIR: 'the file does not exist: a part of its path is not a directory',
  EACCES: 'the file may not be read by this user',
  EPERM: 'the file may not be read by this user',
  ENXIO: 'this is a socket; name a file',
  EMFILE: 'this process has no free file descriptor to read the file with',
  ENFILE: 'the machine has no free file descriptor to read the file with',
}
