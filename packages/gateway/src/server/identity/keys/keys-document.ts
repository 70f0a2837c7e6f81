import type { Labels } from 'sluice'
import { type Document, isMap, isScalar, isSeq, parseDocument, type YAMLMap, type YAMLSeq } from 'yaml'
import { ConfigError } from '../../../policy/config/load-config.js'
import { KeyError } from './key-error.js'
import type { KeyRecord } from './key-store.js'
import { parseKeyRecords } from './keys-file.js'

/** The text of a keys file to edit. Everything else in it, including comments, is preserved. */
export class KeysDocument {
  readonly #file: string
  readonly #document: Document
  readonly #keys: YAMLSeq
  readonly records: readonly KeyRecord[]

  /**
   * @param text undefined for a missing file
   * @throws ConfigError if the file is invalid
   */
  constructor(text: string | undefined, file: string) {
    const isEmpty = text === undefined || hasNoContent(text)
    this.records = isEmpty ? [] : parseKeyRecords(text, file)
    this.#file = file
    this.#document = parseDocument(isEmpty ? `${commentsOf(text)}keys: []\n` : text)
    const keys = isMap(this.#document.contents) ? this.#document.get('keys') : undefined
    if (!isSeq(keys)) throw new TypeError("a keys file must contain a 'keys' list")
    this.#keys = keys
  }

  add(record: KeyRecord): void {
    this.#keys.flow = false
    this.#keys.add(this.#document.createNode(entryOf(record)))
  }

  remove({ sha256 }: KeyRecord): void {
    const at = this.#keys.items.findIndex((item) => digestOf(item) === sha256)
    this.#keys.items.splice(at, 1)
    // An empty block list would be written as an empty value.
    if (this.#keys.items.length === 0) this.#keys.flow = true
  }

  setExpiry(record: KeyRecord, expires: number): void {
    this.#entryOf(record).set('expires', new Date(expires).toISOString())
  }

  setLabels(record: KeyRecord, labels: Labels | undefined): void {
    const entry = this.#entryOf(record)
    if (labels === undefined) entry.delete('labels')
    else entry.set('labels', this.#document.createNode(labels))
  }

  /**
   * Returns the new text. The file was valid before, so any problem is caused by the change, and its
   * position is not useful.
   *
   * @throws KeyError if the result is invalid
   */
  text(): string {
    const text = this.#document.toString({ lineWidth: 0 })
    try {
      parseKeyRecords(text, this.#file)
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error
      throw new KeyError('invalid', `the file was not changed: ${error.problems.at(-1)?.message}`)
    }
    return text
  }

  #entryOf({ sha256 }: KeyRecord): YAMLMap {
    return this.#keys.items.find((item) => digestOf(item) === sha256) as YAMLMap
  }
}

function digestOf(item: unknown): string | undefined {
  const digest = isMap(item) ? item.get('sha256', true) : undefined
  return isScalar(digest) ? String(digest.value).toLowerCase() : undefined
}

function entryOf({ sha256, client, tier, labels, limits, expires, created, createdBy }: KeyRecord) {
  return {
    ...{ sha256, client },
    ...(tier !== undefined && { tier }),
    ...(labels !== undefined && { labels }),
    ...(limits !== undefined && { limits }),
    ...(expires !== undefined && { expires: new Date(expires).toISOString() }),
    ...(created !== undefined && { created: new Date(created).toISOString() }),
    ...(createdBy !== undefined && { created_by: createdBy }),
  }
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
