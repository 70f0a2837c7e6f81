import { Lexer, Parser } from 'yaml'

/** More than a configuration has, and less than the composer's recursion can bear: at some depth the process dies of it. */
const MAX_OPEN = 64

/** A text with more is no YAML that has mistakes, but something else. */
const MAX_ERRORS = 1000

/**
 * Looks a text over before it is composed, in linear time and without recursion.
 *
 * @returns what makes it unfit, and where (an index into the text); undefined where it may be composed
 */
export function precheck(text: string): { at: number; message: string } | undefined {
  const parser = new Parser()
  let errors = 0
  for (const lexeme of new Lexer().lex(text)) {
    for (const token of parser.next(lexeme)) if (token.type === 'error') errors++
    const at = Math.min(parser.offset, text.length)
    if (parser.stack.length > MAX_OPEN) return { at, message: 'the file is nested too deeply to be read' }
    if (errors > MAX_ERRORS) return { at, message: 'this is no YAML' }
  }
  return undefined
}
