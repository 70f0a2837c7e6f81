import type { ConfigNode } from './yaml-node.js'

/** A mistake in a configuration file, or a warning about it, and its place. */
export interface ConfigProblem {
  /** From 1. */
  readonly line: number
  /** From 1, in UTF-16 units. */
  readonly column: number
  /** What is wrong there, and what would be right. */
  readonly message: string
}

/** A configuration file that cannot be used. Its message has a line `FILE:LINE:COLUMN: what is wrong` for each problem. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
  constructor(
    readonly file: string,
    /** In the order of the file. */
    readonly problems: readonly ConfigProblem[],
  ) {
    super(problems.map(({ line, column, message }) => `${file}:${line}:${column}: ${message}`).join('\n'))
  }
}

/** More than this many are not told: the first ones are what can be mended. */
const MAX_PROBLEMS = 100

interface ScriptResult {
  readonly offset: number
  readonly message: string
}

/** Collects what is wrong with one text, and what it should be warned of. */
export class Problems {
  readonly #text: string
  readonly #lineStarts: readonly number[]
  readonly #found = new Map<string, ScriptResult>()
  readonly #warnings = new Map<string, ScriptResult>()
  #told = 0

  constructor(text: string) {
    this.#text = text
    this.#lineStarts = [0, ...[...text.matchAll(/\n/g)].map(({ index }) => index + 1)]
  }

  /** @param offset index into the text */
  add(offset: number, message: string): void {
    this.#told++
    this.#keep(this.#found, offset, message)
  }

  /**
   * Reports something that works but that an operator should know of. The file can be used all the same.
   *
   * @param message what can go wrong, and what would be better
   */
  warn(node: ConfigNode, message: string): void {
    if (node.kind !== 'broken') this.#keep(this.#warnings, node.start, message)
  }

  #keep(findings: Map<string, ScriptResult>, offset: number, message: string): void {
    const within = Math.max(0, Math.min(offset, this.#text.length))
    // The same thing is met more than once where an alias repeats a piece of the file.
    // What is quoted of the file goes to terminals and logs, where it must not move the cursor.
    const plain = message.replaceAll(/\p{Cc}+/gu, ' ')
    findings.set(`${within} ${plain}`, { offset: within, message: plain })
  }

  at(node: ConfigNode, message: string): void {
    if (node.kind !== 'broken') this.add(node.start, message)
  }

  /**
   * At a character of a text, where that can be told: in a text that stands in the file as it is. Else at its beginning.
   *
   * @param index index into the node's text
   */
  inText(node: ConfigNode, index: number, message: string): void {
    const { value, textStart } = node.kind === 'scalar' ? node : { value: null, textStart: 0 }
    const verbatim = typeof value === 'string' && this.#text.startsWith(value.slice(0, index), textStart)
    if (verbatim) this.add(textStart + index, message)
    else this.at(node, message)
  }

  /** How often something was found to be wrong. */
  get count(): number {
    return this.#told
  }

  lineOf(node: ConfigNode): number {
    return this.lineAt(node.start)
  }

  /** @param offset index into the text */
  lineAt(offset: number): number {
    return this.#placeOf(offset).line
  }

  inOrder(): ConfigProblem[] {
    return this.#placed(this.#found)
  }

  /** The warnings, in the order of the file. */
  warnings(): ConfigProblem[] {
    return this.#placed(this.#warnings)
  }

  #placed(findings: ReadonlyMap<string, ScriptResult>): ConfigProblem[] {
    return [...findings.values()]
      .sort((a, b) => a.offset - b.offset)
      .slice(0, MAX_PROBLEMS)
      .map(({ offset, message }) => ({ ...this.#placeOf(offset), message }))
  }

  #placeOf(offset: number): { line: number; column: number } {
    let [low, high] = [0, this.#lineStarts.length]
    while (high - low > 1) {
      const middle = (low + high) >> 1
      if ((this.#lineStarts[middle] ?? 0) <= offset) low = middle
      else high = middle
    }
    return { line: low + 1, column: offset - (this.#lineStarts[low] ?? 0) + 1 }
  }
}
