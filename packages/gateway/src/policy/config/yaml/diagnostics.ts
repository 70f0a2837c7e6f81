import type { ConfigNode } from './yaml-node.js'

/** A problem in a configuration file, or a warning about it, with its position. */
export interface ConfigProblem {
  /** Counted from 1. */
  readonly line: number
  /** Counted from 1, in UTF-16 code units. */
  readonly column: number
  /** States the problem and how to fix it. */
  readonly message: string
}

/** An invalid configuration file. The message has a line `FILE:LINE:COLUMN: …` for each problem. */
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

/** Maximum number of problems that are reported, and of warnings. */
const MAX_PROBLEMS = 100

interface Finding {
  readonly offset: number
  readonly message: string
}

/** Collects the problems of one file, and the warnings about it. */
export class Problems {
  readonly #text: string
  readonly #lineStarts: readonly number[]
  readonly #errors = new Map<string, Finding>()
  readonly #warnings = new Map<string, Finding>()
  /** Values of variables, by the start of the string that refers to them, and the length that may be shown. */
  readonly #concealed = new Map<number, { readonly value: string; readonly shown: number }[]>()
  #count = 0

  constructor(text: string) {
    this.#text = text
    this.#lineStarts = [0, ...[...text.matchAll(/\n/g)].map(({ index }) => index + 1)]
  }

  /** Reports a problem. @param offset index into the text */
  add(offset: number, message: string): void {
    this.#count++
    this.#record(this.#errors, offset, message)
  }

  /**
   * Keeps the value of a variable out of the messages about the string that refers to it, and about
   * the maps and lists that contain the string.
   *
   * @param within the maps and lists, which may have messages of their own
   */
  conceal(node: ConfigNode, value: string, within: readonly ConfigNode[]): void {
    const add = ({ start }: ConfigNode, shown: number) =>
      this.#concealed.set(start, [...(this.#concealed.get(start) ?? []), { value, shown }])
    add(node, SHOWN_LENGTH)
    for (const container of within) add(container, SHOWN_IN_CONTAINER)
  }

  /** Reports a problem at the beginning of a value. */
  at(node: ConfigNode, message: string): void {
    if (node.kind !== 'invalid') this.add(node.start, message)
  }

  /**
   * Reports a problem at a character of a string. If the file writes the string with escapes or
   * folded lines, the problem is reported at the start of the string.
   *
   * @param index index into the node's string
   */
  inString(node: ConfigNode, index: number, message: string): void {
    const { value, stringStart } = node.kind === 'scalar' ? node : { value: null, stringStart: 0 }
    const isReplaced = node.kind === 'scalar' && node.written !== undefined
    const isVerbatim =
      !isReplaced && typeof value === 'string' && this.#text.startsWith(value.slice(0, index), stringStart)
    if (isVerbatim) this.add(stringStart + index, message)
    else this.at(node, message)
  }

  /**
   * Reports a risk. The file is still valid.
   *
   * @param message states the risk and how to avoid it
   */
  warn(node: ConfigNode, message: string): void {
    if (node.kind !== 'invalid') this.#record(this.#warnings, node.start, message)
  }

  #record(findings: Map<string, Finding>, offset: number, message: string): void {
    const within = Math.max(0, Math.min(offset, this.#text.length))
    // Messages quote the file and are written to terminals and logs, where control characters are
    // harmful.
    const plain = this.#withoutSecrets(within, message).replaceAll(/\p{Cc}+/gu, ' ')
    // An alias repeats a part of the file, and would report the problems in that part again.
    findings.set(`${within} ${plain}`, { offset: within, message: plain })
  }

  /** Hides messages that quote a part of a variable's value, which may be a secret. */
  #withoutSecrets(offset: number, message: string): string {
    const quoted = this.#concealed.get(offset)?.some(({ value, shown }) => sharesText(message, value, shown))
    return quoted ? 'the value is invalid here; it comes from a variable, so it is not shown' : message
  }

  /** The number of problems reported so far, including repeated ones. */
  get count(): number {
    return this.#count
  }

  lineOf(node: ConfigNode): number {
    return this.lineAt(node.start)
  }

  /** @param offset index into the text */
  lineAt(offset: number): number {
    return this.#positionOf(offset).line
  }

  /** Lists the problems in the order of the file. */
  inOrder(): ConfigProblem[] {
    return this.#sorted(this.#errors)
  }

  /** Lists the warnings in the order of the file. */
  warnings(): ConfigProblem[] {
    return this.#sorted(this.#warnings)
  }

  #sorted(findings: ReadonlyMap<string, Finding>): ConfigProblem[] {
    return [...findings.values()]
      .sort((a, b) => a.offset - b.offset)
      .slice(0, MAX_PROBLEMS)
      .map(({ offset, message }) => ({ ...this.#positionOf(offset), message }))
  }

  #positionOf(offset: number): { line: number; column: number } {
    let [low, high] = [0, this.#lineStarts.length]
    while (high - low > 1) {
      const middle = (low + high) >> 1
      if ((this.#lineStarts[middle] ?? 0) <= offset) low = middle
      else high = middle
    }
    return { line: low + 1, column: offset - (this.#lineStarts[low] ?? 0) + 1 }
  }
}

/** Length of a part of a value that must not be shown. Shorter values are no secrets. */
const SHOWN_LENGTH = 6
/** The same for messages about a map or list, whose examples may resemble a value, as in `https://`. */
const SHOWN_IN_CONTAINER = 12

/** Reports whether a message contains a part of a value of this length. */
function sharesText(message: string, value: string, length: number): boolean {
  const parts = new Set<string>()
  for (let index = 0; index + length <= message.length; index++)
    parts.add(message.slice(index, index + length))
  for (let index = 0; index + length <= value.length; index++)
    if (parts.has(value.slice(index, index + length))) return true
  return false
}
