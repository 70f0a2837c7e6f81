import { randomBytes } from 'node:crypto'
import { open, rename, rm, stat } from 'node:fs/promises'
import { dirname } from 'node:path'

/**
 * Replaces a file atomically and durably: after a crash it has either its old content or the new
 * one. The file keeps its mode; a new file is readable only by its owner.
 *
 * @param signal if it aborts before the file is replaced, the file stays as it is
 * @throws Error if the file cannot be replaced, or the reason of the signal
 */
export async function replaceFile(file: string, text: string, signal?: AbortSignal): Promise<void> {
  const temporary = `${file}.${randomBytes(6).toString('hex')}.tmp`
  const mode = await stat(file).then(
    (found) => found.mode & 0o777,
    () => 0o600,
  )
  const handle = await open(temporary, 'wx', 0o600)
  try {
    try {
      await handle.writeFile(text)
      await handle.chmod(mode)
      await handle.sync()
    } finally {
      await handle.close()
    }
    // A file system that hung may have taken longer than the caller waited.
    signal?.throwIfAborted()
    await rename(temporary, file)
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  }
  await syncFolder(dirname(file))
}

/** Makes a rename durable. Some systems cannot open folders; the rename is then only atomic. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r').catch(() => undefined)
  try {
    await handle?.sync().catch(() => {})
  } finally {
    await handle?.close()
  }
}
