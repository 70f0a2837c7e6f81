import { Lexer, Parser } from 'yaml'

/**
 * The deepest nesting that is parsed. The YAML composer recurses and overflows the stack beyond it.
 */
const MAX_OPEN = 64

/** A file with more syntax errors is something other than YAML. */
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
    if (parser.stack.length > MAX_OPEN)
      return { at, message: `the file is nested too deeply; the maximum is ${MAX_OPEN} levels` }
    if (errors > MAX_ERRORS) return { at, message: 'the file is not YAML' }
  }
  return undefined
}
