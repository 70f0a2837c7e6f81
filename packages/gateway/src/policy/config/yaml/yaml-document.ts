import { isAlias, isMap, isScalar, isSeq, type Node, parseDocument, YAMLMap, YAMLSeq } from 'yaml'
import type { Problems } from './diagnostics.js'
import { explainParseErrors } from './parse-errors.js'
import { precheck } from './precheck.js'
import { type ConfigNode, type MapEntry, quote } from './yaml-node.js'

/** Maximum length of a configuration file, in UTF-16 code units. */
export const MAX_CONFIG_LENGTH = 2 ** 20
/** Default maximum of values after aliases are resolved. A small file can expand to billions. */
const MAX_VALUES = 50_000
const MAX_DEPTH = 16

/**
 * Parses YAML into nodes with positions. Errors are reported to `problems`.
 *
 * @param hint appended to the message about an empty file
 * @param maxValues maximum number of values after aliases are resolved
 * @returns undefined if the text is not YAML or is empty
 */
export function readYaml(
  text: string,
  problems: Problems,
  hint: string,
  maxValues = MAX_VALUES,
): ConfigNode | undefined {
  if (text.length > MAX_CONFIG_LENGTH) {
    problems.add(0, 'the file is larger than 1 MiB')
    return undefined
  }
  if (text.includes('\0')) {
    problems.add(text.indexOf('\0'), 'the file contains a NUL byte; it must be a text file')
    return undefined
  }
  const unsafe = precheck(text)
  if (unsafe !== undefined) {
    problems.add(unsafe.at, unsafe.message)
    return undefined
  }
  const contents = parse(text, problems)
  if (problems.count > 0) return undefined
  if (contents === null) {
    problems.add(0, `the file is empty; ${hint}`)
    return undefined
  }
  return new NodeBuilder(text, problems, maxValues).build(contents, 'the file', 0)
}

function parse(text: string, problems: Problems): Node | null {
  const { contents, errors, warnings } = parseDocument(text, {
    version: '1.2',
    schema: 'core',
    prettyErrors: false,
    // NodeBuilder checks that keys are unique, in linear time.
    uniqueKeys: false,
  })
  for (const { at, message } of explainParseErrors([...errors, ...warnings])) problems.add(at, message)
  return contents
}

/** Converts the parser's tree to nodes, resolves aliases and bounds the size of the result. */
class NodeBuilder {
  readonly #text: string
  readonly #problems: Problems
  /** The anchors found so far. An alias refers to the last anchor of its name before it. */
  readonly #anchors = new Map<string, Node>()
  #values = 0

  constructor(
    text: string,
    problems: Problems,
    private readonly maxValues: number,
  ) {
    this.#text = text
    this.#problems = problems
  }

  build(source: Node, label: string, depth: number): ConfigNode {
    const start = source.range?.[0] ?? 0
    const invalid = (message: string): ConfigNode => {
      this.#problems.add(start, message)
      return { kind: 'invalid', label, start }
    }
    this.#values++
    if (this.#values > this.maxValues) {
      if (this.#values > this.maxValues + 1) return { kind: 'invalid', label, start }
      return invalid(`the file has more than ${this.maxValues} values, including those that aliases repeat`)
    }
    if (depth > MAX_DEPTH)
      return invalid(
        `the value is nested more than ${MAX_DEPTH} levels deep; check for an alias that refers to itself`,
      )
    if (isAlias(source)) {
      const target = this.#anchors.get(source.source)
      if (target !== undefined) return this.build(target, label, depth + 1)
      return invalid(
        `there is no anchor '&${source.source}' before this alias; a string that begins with * needs quotes`,
      )
    }
    if ('anchor' in source && typeof source.anchor === 'string') this.#anchors.set(source.anchor, source)
    if (isMap(source) && source.constructor === YAMLMap) return this.#map(source, label, start, depth)
    if (isSeq(source) && source.constructor === YAMLSeq) {
      const items = source.items.map((item) => this.build(item as Node, `an entry of ${label}`, depth + 1))
      return { kind: 'list', label, start, items }
    }
    if (isScalar(source) && isPlain(source.value)) {
      return { kind: 'scalar', label, start, value: source.value, stringStart: this.#stringStart(start) }
    }
    return invalid('unsupported YAML; use only maps, lists, strings, numbers, true and false')
  }

  #map(source: YAMLMap, label: string, start: number, depth: number): ConfigNode {
    const entries = new Map<string, MapEntry>()
    for (const { key, value } of source.items) {
      const keyNode = key as Node
      const keyStart = keyNode.range?.[0] ?? start
      const name = keyName(keyNode)
      if (name === undefined) {
        this.#problems.add(keyStart, 'keys must be strings, such as limits')
        continue
      }
      const first = entries.get(name)
      if (first !== undefined) {
        const line = this.#problems.lineAt(first.keyStart)
        this.#problems.add(keyStart, `duplicate key ${quote(name)}, first on line ${line}; keep one of them`)
        continue
      }
      // The parser has no node for the value of a key without a ':'.
      const empty = {
        kind: 'scalar',
        label: quote(name),
        start: keyStart,
        value: null,
        stringStart: keyStart,
      } as const
      const node = value === null ? empty : this.build(value as Node, quote(name), depth + 1)
      entries.set(name, { keyStart, value: node })
    }
    return { kind: 'map', label, start, entries }
  }

  #stringStart(start: number): number {
    return /["']/.test(this.#text.charAt(start)) ? start + 1 : start
  }
}

function isPlain(value: unknown): value is string | number | boolean | null {
  return value === null || ['string', 'number', 'boolean'].includes(typeof value)
}

/** Returns the name of a key: a string, or a whole number in its usual notation, such as a status. */
function keyName(key: Node): string | undefined {
  if (!isScalar(key)) return undefined
  const { value, source } = key
  if (typeof value === 'string') return value
  return Number.isSafeInteger(value) && String(value) === source ? source : undefined
}
