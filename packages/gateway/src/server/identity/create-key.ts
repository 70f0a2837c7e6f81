import { readFile, rm, writeFile } from 'node:fs/promises'
import { setTimeout } from 'node:timers/promises'
import { keyDigest, newKey } from 'sluice/identity'
import { isMap, isSeq, parseDocument } from 'yaml'
import { replaceFile } from '../../policy/config/files/replace-file.js'
import { ConfigError } from '../../policy/config/load-config.js'
import { parseKeys } from './keys-file.js'

/** The properties of a key to create. */
export interface NewKey {
  readonly client: string
  readonly tier?: string
  /** A date, or a date and time, in the format of the keys file. */
  readonly expires?: string
}

/**
 * Creates a key and adds its hash to a keys file, which is created if missing. Other contents of
 * the file, including comments, are preserved. Concurrent calls are serialized, even across
 * processes.
 *
 * @returns the key, which is not stored anywhere
 * @throws ConfigError for an invalid file and TypeError for an invalid new key; the file is
 *   unchanged
 */
export function createKey(file: string, properties: NewKey): Promise<string> {
  return withLock(file, () => addKey(file, properties))
}

async function addKey(file: string, { client, tier, expires }: NewKey): Promise<string> {
  const before = await readFile(file, 'utf8').catch(undefinedIfMissing)
  const isEmpty = before === undefined || hasNoContent(before)
  if (!isEmpty) parseKeys(before, file)
  const key = newKey()
  const after = withKey(isEmpty ? `${commentsOf(before)}keys: []\n` : before, {
    sha256: keyDigest(key),
    client,
    ...(tier !== undefined && { tier }),
    ...(expires !== undefined && { expires }),
  })
  checkAdded(after, file)
  await replaceFile(file, after)
  return key
}

/**
 * Reports whether a file contains only white space, comments, document markers, and an empty value
 * such as `null`, `{}` or `keys:`.
 */
function hasNoContent(text: string): boolean {
  const document = parseDocument(text.replace(/^\uFEFF/, ''))
  if (document.errors.length > 0) return false
  const content: unknown = document.toJS()
  if (content === null || typeof content !== 'object' || Array.isArray(content)) return content === null
  return Object.entries(content).every(([name, value]) => name === 'keys' && value === null)
}

/** Returns the comments of an empty file, which are kept above its first key. */
function commentsOf(text = ''): string {
  const comments = text
    .replace(/^\uFEFF/, '')
    .split('\n')
    .filter((line) => line.trimStart().startsWith('#'))
  return comments.map((line) => `${line.trim()}\n`).join('')
}

/**
 * Validates the result. The file was valid before, so any problem is caused by the new key, and its
 * position is not useful.
 */
function checkAdded(after: string, file: string): void {
  try {
    parseKeys(after, file)
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    throw new TypeError(`the key was not created: ${error.problems.at(-1)?.message}`, { cause: error })
  }
}

function undefinedIfMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error
}

function withKey(text: string, entry: Readonly<Record<string, string>>): string {
  const document = parseDocument(text)
  const keys = isMap(document.contents) ? document.get('keys') : undefined
  if (!isSeq(keys)) throw new TypeError("a keys file must contain a 'keys' list")
  keys.flow = false
  keys.add(document.createNode(entry))
  return document.toString({ lineWidth: 0 })
}

/** Timeout for a lock that another process holds, and interval between attempts. */
const LOCK_TIMEOUT_MS = 5_000
const LOCK_RETRY_MS = 50

/** Runs a change under a lock file. Without the lock, concurrent changes could lose a key. */
async function withLock<T>(file: string, change: () => Promise<T>): Promise<T> {
  const lock = `${file}.lock`
  for (let waitedMs = 0; !(await createLock(lock)); waitedMs += LOCK_RETRY_MS) {
    if (waitedMs >= LOCK_TIMEOUT_MS)
      throw new Error(`another process is changing ${file}; if none is, remove ${lock}`)
    await setTimeout(LOCK_RETRY_MS)
  }
  try {
    return await change()
  } finally {
    await rm(lock, { force: true })
  }
}

/** @returns false if the lock exists */
async function createLock(lock: string): Promise<boolean> {
  try {
    await writeFile(lock, '', { mode: 0o600, flag: 'wx' })
    return true
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false
    throw error
  }
}
