import { Lexer, Parser } from 'yaml'

/**
 * Maximum nesting depth. The YAML composer is recursive, and deep nesting would overflow the stack.
 */
const MAX_DEPTH = 64

/** Maximum number of syntax errors. A file with more errors is not YAML. */
const MAX_ERRORS = 1000

/**
 * Checks that a string is safe to compose, in linear time and without recursion.
 *
 * @returns the problem and its index in the text; undefined if the text may be composed
 */
export function precheck(text: string): { at: number; message: string } | undefined {
  const parser = new Parser()
  let errors = 0
  for (const lexeme of new Lexer().lex(text)) {
    for (const token of parser.next(lexeme)) if (token.type === 'error') errors++
    const at = Math.min(parser.offset, text.length)
    if (parser.stack.length > MAX_DEPTH)
      return { at, message: `the file is nested more than ${MAX_DEPTH} levels deep` }
    if (errors > MAX_ERRORS) return { at, message: 'the file is not YAML' }
  }
  return undefined
}
