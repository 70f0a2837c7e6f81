import type { Tokens } from '../api/live-samples.js'

/** Maximum number of names in an interval. Tokens of further names are counted as `(others)`. */
const MAX_NAMES = 1000
/** Maximum number of names in a sample. */
const MAX_SHOWN = 8
export const OTHERS = '(others)'

/** Tokens by name in one interval. Names may come from clients, so their number is bounded. */
export class TokenCounts {
  readonly #counts = new Map<string, { input: number; output: number }>()

  add(name: string, { input, output }: Tokens): void {
    const known = this.#counts.get(name)
    if (known !== undefined) {
      known.input += input
      known.output += output
    } else if (this.#counts.size < MAX_NAMES || name === OTHERS) this.#counts.set(name, { input, output })
    else this.add(OTHERS, { input, output })
  }

  addAll(other: TokenCounts): void {
    for (const [name, tokens] of other.#counts) this.add(name, tokens)
  }

  /** Counts the tokens of a name with the others. */
  forget(name: string): void {
    const tokens = this.#counts.get(name)
    if (tokens === undefined) return
    this.#counts.delete(name)
    this.add(OTHERS, tokens)
  }

  /** Returns the names with the most tokens and the sum of the others; undefined without tokens. */
  read(): Readonly<Record<string, Tokens>> | undefined {
    if (this.#counts.size === 0) return undefined
    const sorted = [...this.#counts]
      .filter(([name]) => name !== OTHERS)
      .sort(([, a], [, b]) => b.input + b.output - a.input - a.output)
    const others = { ...(this.#counts.get(OTHERS) ?? { input: 0, output: 0 }) }
    for (const [, { input, output }] of sorted.slice(MAX_SHOWN)) {
      others.input += input
      others.output += output
    }
    const hasOthers = others.input + others.output > 0
    return Object.fromEntries([
      ...sorted.slice(0, MAX_SHOWN),
      ...(hasOthers ? [[OTHERS, others] as const] : []),
    ])
  }

  clear(): void {
    this.#counts.clear()
  }
}
