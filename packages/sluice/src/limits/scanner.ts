import { markOptionError, type OptionError, type OptionPath } from '../option-error.js'

/** A syntax error in a limit string. */
export class LimitSyntaxError extends SyntaxError implements OptionError {
  override readonly name = 'LimitSyntaxError'
  readonly path: OptionPath = []
  readonly code = 'invalid'
  readonly reason: string
  constructor(
    /** The whole string. */
    readonly input: string,
    /** The index of the error in the string, from 0. */
    readonly at: number,
    /** The error at this index, with a valid example. */
    readonly problem: string,
  ) {
    super(`${quote(input)}: ${problem} (at character ${at + 1})`)
    this.reason = this.message
  }
}

markOptionError(LimitSyntaxError)

/** Reads tokens from left to right, skipping white space before each. */
export class Scanner {
  #index = 0
  constructor(private readonly input: string) {}

  position(): number {
    const space = /\s*/y
    space.lastIndex = this.#index
    space.test(this.input)
    this.#index = space.lastIndex
    return this.#index
  }

  done(): boolean {
    return this.position() === this.input.length
  }

  /** Consumes a match of a sticky pattern after white space. */
  take(pattern: RegExp): string | undefined {
    this.position()
    return this.takeHere(pattern)
  }

  /** Consumes a match of a sticky pattern at the current position. */
  takeHere(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#index
    const match = pattern.exec(this.input)?.[0]
    if (match !== undefined) this.#index += match.length
    return match
  }

  skip(pattern: RegExp): boolean {
    return this.take(pattern) !== undefined
  }

  fail(problem: string, at = this.position()): never {
    throw new LimitSyntaxError(this.input, at, problem)
  }
}

function quote(input: string): string {
  return `'${input.length > 60 ? `${input.slice(0, 57)}...` : input}'`
}
