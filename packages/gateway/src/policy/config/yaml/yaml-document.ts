import { isAlias, isMap, isScalar, isSeq, type Node, parseDocument, YAMLMap, YAMLSeq } from 'yaml'
import type { Problems } from './diagnostics.js'
import { plainParseError } from './parse-errors.js'
import { precheck } from './precheck.js'
import { type ConfigNode, type MapEntry, quoted } from './yaml-node.js'

/** A file that is longer, in UTF-16 units, is none that somebody wrote. */
export const MAX_TEXT_LENGTH = 2 ** 20
/** Most values that a file may have once its aliases are put in place; a small file can unfold to billions. */
const MAX_VALUES = 50_000
const MAX_DEPTH = 16

/**
 * Reads YAML into nodes that know their places. What is wrong is told to `problems`.
 *
 * @param least what an empty file would need
 * @returns undefined where what is wrong leaves nothing to read
 */
export function readYaml(text: string, problems: Problems, least: string): ConfigNode | undefined {
  if (text.length > MAX_TEXT_LENGTH) {
    problems.add(0, 'the file is larger than 1 MiB; a configuration is a few pages')
    return undefined
  }
  if (text.includes('\0')) {
    problems.add(text.indexOf('\0'), 'a zero byte; the file is no text')
    return undefined
  }
  const unfit = precheck(text)
  if (unfit !== undefined) {
    problems.add(unfit.at, unfit.message)
    return undefined
  }
  const contents = parse(text, problems)
  if (problems.count > 0) return undefined
  if (contents === null) {
    problems.add(0, `the file is empty; ${least}`)
    return undefined
  }
  return new Reading(text, problems).node(contents, 'the file', 0)
}

function parse(text: string, problems: Problems): Node | null {
  const { contents, errors, warnings } = parseDocument(text, {
    version: '1.2',
    schema: 'core',
    prettyErrors: false,
    // Whether keys are unique is looked at by Reading, which is not slow for many of them.
    uniqueKeys: false,
  })
  for (const { at, message } of plainParseError([...errors, ...warnings])) problems.add(at, message)
  return contents
}

class Reading {
  readonly #text: string
  readonly #problems: Problems
  /** What anchors stand for, in the order of the file: an alias means the last one before it. */
  readonly #anchors = new Map<string, Node>()
  #values = 0

  constructor(text: string, problems: Problems) {
    this.#text = text
    this.#problems = problems
  }

  node(source: Node, label: string, depth: number): ConfigNode {
    const start = source.range?.[0] ?? 0
    const broken = (message: string): ConfigNode => {
      this.#problems.add(start, message)
      return { kind: 'broken', label, start }
    }
    this.#values++
    if (this.#values > MAX_VALUES) {
      if (this.#values > MAX_VALUES + 1) return { kind: 'broken', label, start }
      return broken(`the file has more than ${MAX_VALUES} values, with what its aliases repeat`)
    }
    if (depth > MAX_DEPTH)
      return broken(
        `nested more than ${MAX_DEPTH} deep; no part of a configuration is, so something repeats itself here`,
      )
    if (isAlias(source)) {
      const target = this.#anchors.get(source.source)
      if (target !== undefined) return this.node(target, label, depth + 1)
      return broken(
        `no anchor '&${source.source}' stands before this alias; a text that begins with * stands in quotes`,
      )
    }
    if ('anchor' in source && typeof source.anchor === 'string') this.#anchors.set(source.anchor, source)
    if (isMap(source) && source.constructor === YAMLMap) return this.#map(source, label, start, depth)
    if (isSeq(source) && source.constructor === YAMLSeq) {
      const items = source.items.map((item) => this.node(item as Node, `an entry of ${label}`, depth + 1))
      return { kind: 'list', label, start, items }
    }
    if (isScalar(source) && isPlain(source.value)) {
      return { kind: 'scalar', label, start, value: source.value, textStart: this.#textStart(start) }
    }
    return broken('only maps, lists, texts, numbers, true and false stand in a configuration')
  }

  #map(source: YAMLMap, label: string, start: number, depth: number): ConfigNode {
    const entries = new Map<string, MapEntry>()
    for (const { key, value } of source.items) {
      const keyNode = key as Node
      const keyStart = keyNode.range?.[0] ?? start
      if (!isScalar(keyNode) || typeof keyNode.value !== 'string') {
        this.#problems.add(keyStart, 'a key here is a word, such as limits')
        continue
      }
      const name = keyNode.value
      const before = entries.get(name)
      if (before !== undefined) {
        const line = this.#problems.lineAt(before.keyStart)
        this.#problems.add(
          keyStart,
          `${quoted(name)} is there twice, first in line ${line}; keep one of them`,
        )
        continue
      }
      // A key without a ':' has no node for its value.
      const nothing = {
        kind: 'scalar',
        label: quoted(name),
        start: keyStart,
        value: null,
        textStart: keyStart,
      } as const
      const node = value === null ? nothing : this.node(value as Node, quoted(name), depth + 1)
      entries.set(name, { keyStart, value: node })
    }
    return { kind: 'map', label, start, entries }
  }

  #textStart(start: number): number {
    return /["']/.test(this.#text.charAt(start)) ? start + 1 : start
  }
}

function isPlain(value: unknown): value is string | number | boolean | null {
  return value === null || ['string', 'number', 'boolean'].includes(typeof value)
}
