import { stat } from 'node:fs/promises'

/** How often a file is looked at, in milliseconds. */
const LOOK_INTERVAL_MS = 1000

/** Tells two states of a file apart; undefined while there is no such file. */
export type FileVersion = string | undefined

export async function versionOf(file: string): Promise<FileVersion> {
  const found = await stat(file).catch(() => undefined)
  return found && `${found.ino} ${found.size} ${found.mtimeMs}`
}

/** Takes a file up again whenever it changes. */
export interface FileWatch {
  /** Takes the file up now, after what is under way. */
  takeUp(): Promise<void>
  stop(): void
}

/**
 * Watches a file by looking at it, which sees what notifications of the system miss: files that an editor replaces,
 * links that an orchestrator turns to another file, and network mounts.
 *
 * @param version how the file stood when it was first taken up
 * @param read takes the file up, also when it is gone; it never rejects. One call ends before the next begins, so that what is taken up last is
 *   what was read last.
 */
export function watchFile(file: string, version: FileVersion, read: () => Promise<void>): FileWatch {
  let last = Promise.resolve()
  const takeUp = () => {
    last = last.then(read)
    return last
  }
  let known = version
  let looksWithout = 0
  const timer = setInterval(async () => {
    const seen = await versionOf(file)
    looksWithout = seen === undefined ? looksWithout + 1 : 0
    // Between the two steps by which some editors replace a file there is none.
    if (seen === known || looksWithout === 1) return
    known = seen
    await takeUp()
  }, LOOK_INTERVAL_MS).unref()
  return { takeUp, stop: () => clearInterval(timer) }
}
