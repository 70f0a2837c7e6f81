import { randomBytes } from 'node:crypto'
import { chmod, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { setTimeout } from 'node:timers/promises'
import { keyDigest, newKey } from 'sluice/identity'
import { isMap, isSeq, parseDocument } from 'yaml'
import { ConfigError } from '../../policy/config/load-config.js'
import { parseKeys } from './key-file.js'

export interface NewKey {
  readonly client: string
  readonly tier?: string
  /** A day or a moment, as the file has it. */
  readonly expires?: string
}

/**
 * Makes a key and adds its hash to a file of keys, which is made where there is none. What else stands in the file, comments too, stays.
 * Several may do so at the same time.
 *
 * @returns the key, which is kept nowhere
 * @throws ConfigError where the file is wrong, TypeError where the new key would be; the file stays as it was.
 */
export function createKey(file: string, about: NewKey): Promise<string> {
  return alone(file, () => add(file, about))
}

async function add(file: string, { client, tier, expires }: NewKey): Promise<string> {
  const before = await readFile(file, 'utf8').catch(nothingYet)
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
  await replace(file, after)
  return key
}

/**
 * Whether there is nothing in a file but white space, comments, the marks of an empty document, and a word for nothing such
 * as `null`, `{}` or `keys:` without any.
 */
function hasNoContent(text: string): boolean {
  const document = parseDocument(text.replace(/^\uFEFF/, ''))
  if (document.errors.length > 0) return false
  const content: unknown = document.toJS()
  if (content === null || typeof content !== 'object' || Array.isArray(content)) return content === null
  return Object.entries(content).every(([name, value]) => name === 'keys' && value === null)
}

/** What an empty file says in comments stays, above its first key. */
function commentsOf(text = ''): string {
  const comments = text
    .replace(/^\uFEFF/, '')
    .split('\n')
    .filter((line) => line.trimStart().startsWith('#'))
  return comments.map((line) => `${line.trim()}\n`).join('')
}

/** The file was right before, so that what is wrong now is the new key; where it would stand there helps nobody. */
function checkAdded(after: string, file: string): void {
  try {
    parseKeys(after, file)
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    throw new TypeError(`no key was made: ${error.problems.at(-1)?.message}`, { cause: error })
  }
}

function nothingYet(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error
}

function withKey(text: string, entry: Readonly<Record<string, string>>): string {
  const document = parseDocument(text)
  const keys = isMap(document.contents) ? document.get('keys') : undefined
  if (!isSeq(keys)) throw new TypeError("a file of keys has a list of 'keys'")
  keys.flow = false
  keys.add(document.createNode(entry))
  return document.toString({ lineWidth: 0 })
}

/** How long somebody else's change of the file is waited for, and how often looked whether it is done; in milliseconds. */
const PATIENCE = 5_000
const LOOK_INTERVAL = 50

/** Does what nobody else does to the file meanwhile: two who read it before either wrote would lose a key. */
async function alone<T>(file: string, change: () => Promise<T>): Promise<T> {
  const lock = `${file}.lock`
  for (let waited = 0; !(await isMade(lock)); waited += LOOK_INTERVAL) {
    if (waited >= PATIENCE)
      throw new Error(`somebody else is changing ${file}; where that is not so, remove ${lock}`)
    await setTimeout(LOOK_INTERVAL)
  }
  try {
    return await change()
  } finally {
    await rm(lock, { force: true })
  }
}

async function isMade(lock: string): Promise<boolean> {
  try {
    await writeFile(lock, '', { mode: 0o600, flag: 'wx' })
    return true
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false
    throw error
  }
}

/** Writes beside the file and moves it there, so that who reads it sees the old file or the new one. Others may not read it. */
async function replace(file: string, text: string): Promise<void> {
  const beside = `${file}.${randomBytes(6).toString('hex')}`
  const mode = await stat(file).then(
    (found) => found.mode & 0o777,
    () => 0o600,
  )
  try {
    await writeFile(beside, text, { mode: 0o600, flag: 'wx' })
    await chmod(beside, mode)
    await rename(beside, file)
  } catch (error) {
    await rm(beside, { force: true })
    throw error
  }
}
