import { TypeError as ExpressionTypeError, ParseError } from '@marcbachmann/cel-js'
import { withoutPrefix } from './specified-operators.js'
import { ZONED_FUNCTIONS } from './time-functions.js'

/**
 * Explains a syntax or type error in an expression: its position, its cause and a correction.
 *
 * @param example a valid expression for the same purpose
 */
export function compileErrorOf(
  error: unknown,
  expression: string,
  example: string,
): { at: number; message: string } {
  if (!(error instanceof ParseError || error instanceof ExpressionTypeError))
    return untypedError(expression, example)
  const at = Math.min(error.range?.start ?? 0, expression.length)
  if (error.code === 'limit_exceeded')
    return { at: 0, message: 'the expression is too long or nested too deeply; simplify it' }
  if (error instanceof ParseError && at >= expression.length)
    return { at, message: `the expression is incomplete; ${completionOf(expression, example)}` }
  const { what, advice } = explain(error, expression, at)
  return {
    at,
    message: `invalid expression: ${what}; ${advice ?? `write, for example, ${example}`}`,
  }
}

/** Explains a crash of the type checker, for example on the elements of an empty list. */
function untypedError(expression: string, example: string): { at: number; message: string } {
  const empty = /\[\s*\]|\{\s*\}/.exec(expression)
  const what =
    empty === null ? 'the type of a value is unknown' : `the element type of '${empty[0]}' is unknown`
  return {
    at: empty?.index ?? 0,
    message: `invalid expression: ${what}; write, for example, ${example}`,
  }
}

interface Explanation {
  readonly what: string
  /** Undefined if an example of a valid expression is the best advice. */
  readonly advice?: string | undefined
}

function explain(error: ParseError | ExpressionTypeError, expression: string, at: number): Explanation {
  const fragment = expression.slice(at, error.range?.end)
  const what = withoutPrefix(error.summary).replace(/^\S/, (first) => first.toLowerCase())
  switch (error.code) {
    case 'unexpected_character':
      return unexpected(expression, at)
    case 'unexpected_token':
      return { what: `found '${fragment}' instead of a value`, advice: reservedWordAdvice(fragment) }
    case 'expected_token':
      return {
        what: `found '${fragment}' instead of ${expectedToken(what)}`,
        advice: reservedWordAdvice(fragment),
      }
    case 'reserved_identifier':
      return { what: `'${fragment}' is a reserved word of CEL`, advice: reservedWordAdvice(fragment) }
    case 'unterminated_string':
      return { what, advice: `close it with ${expression.charAt(at)}` }
    case 'no_such_overload':
      return { what, advice: operatorAdvice(what) }
    case 'no_matching_overload':
      return { what, advice: functionAdvice(what) }
    default:
      return { what, advice: ADVICE.get(error.code) }
  }
}

const OPERATOR_ADVICE = 'write an operator such as +, == or && between two values, and quote strings'

/** Operators of other languages, with advice on the CEL equivalent. */
const FOREIGN_OPERATORS: ReadonlyMap<string, string> = new Map([
  ['=', 'write == to compare'],
  ['and', 'write && for a logical and'],
  ['or', 'write || for a logical or'],
  ['&', 'write && for a logical and'],
  ['|', 'write || for a logical or'],
])

function unexpected(expression: string, at: number): Explanation {
  const [fragment] = /^(?:[A-Za-z_]\w*|.)/u.exec(expression.slice(at)) ?? ['']
  const what = `unexpected ${fragment.length > 1 ? 'word' : 'character'} '${fragment}'`
  if (/[)\]}]/.test(fragment)) return { what, advice: 'remove it, or add the opening bracket' }
  if (/\bnot\s+$/.test(expression.slice(0, at))) return { what, advice: 'write ! for a logical not' }
  return { what, advice: FOREIGN_OPERATORS.get(fragment) ?? OPERATOR_ADVICE }
}

/** Describes the token that the parser expected. */
function expectedToken(summary: string): string {
  const [, token = ''] = /expected (\w+)/.exec(summary) ?? []
  return TOKENS.get(token) ?? 'another token'
}

const TOKENS: ReadonlyMap<string, string> = new Map([
  ['IDENTIFIER', 'a name'],
  ['COLON', "':'"],
  ['LPAREN', "'('"],
  ['RPAREN', "')'"],
  ['RBRACKET', "']'"],
  ['RBRACE', "'}'"],
])

function reservedWordAdvice(word: string): string | undefined {
  if (word === 'if') return 'write a condition as body.n > 10 ? 2 : 1'
  return /^[A-Za-z_]\w*$/.test(word) ? `write a member of that name as body['${word}']` : undefined
}

const CONVERSION = 'convert one of them with string(...), int(...) or double(...)'
const COMPARISON = 'write a comparison, as in size(body.list) > 10'

/** Advises on an operator whose operands have the wrong types. */
function operatorAdvice(summary: string): string {
  if (summary.includes(': !')) return COMPARISON
  return summary.includes(' in ') ? "'in' requires a list or a map, as in 'a' in body.list" : CONVERSION
}

/** Advises on a function whose arguments have the wrong types. */
function functionAdvice(summary: string): string | undefined {
  const [, name = ''] = /'(?:[^'(]*\.)?(\w+)\(/.exec(summary) ?? []
  const usage = USAGES.get(name)
  return usage === undefined ? undefined : `use it as in ${usage}`
}

/** An example of each function. */
const USAGES: ReadonlyMap<string, string> = new Map([
  ['size', 'size(body.list), with a list, a map or a string'],
  ['int', 'int(body.text)'],
  ['double', 'double(body.text)'],
  ['string', 'string(body.number)'],
  ['bool', 'bool(body.text)'],
  ['dyn', 'dyn(body)'],
  ['startsWith', "path.startsWith('/v1')"],
  ['endsWith', "path.endsWith('/predict')"],
  ['contains', "path.contains('large')"],
  ['indexOf', "path.indexOf('/')"],
  ['lastIndexOf', "path.lastIndexOf('/')"],
  ['substring', 'path.substring(0, 3)'],
  ['lowerAscii', 'path.lowerAscii()'],
  ['upperAscii', 'path.upperAscii()'],
  ['trim', 'path.trim()'],
  ['cidr', "cidr('10.0.0.0/8').containsIP(ip)"],
  ['containsIP', "cidr('10.0.0.0/8').containsIP(ip)"],
  ...ZONED_FUNCTIONS.map((name) => [name, `now.${name}('Europe/Berlin')`] as const),
])

const ADVICE: ReadonlyMap<string, string> = new Map([
  ['incompatible_ternary_branches', CONVERSION],
  ['invalid_condition_type', 'write a comparison before the ?, as in size(body.list) > 10 ? 2 : 1'],
  ['invalid_logical_operand', COMPARISON],
  [
    'invalid_macro_argument',
    'write has(body.member), or a variable for each element as in body.list.all(x, x > 1)',
  ],
  ['invalid_comprehension_range', 'loop over a list or a map, such as body.list'],
  ['cannot_index_type', 'only lists and maps have members; use the value itself'],
  ['invalid_index_type', 'index a list with a whole number from 0, as in body.list[0]'],
  ['newline_in_string', 'close the string on its line, and write a line break in it as \\n'],
  ['invalid_number', 'write a number such as 10 or 2.5'],
  ['invalid_exponent', 'write a number such as 10, 2.5 or 1e6'],
  ['invalid_escape_sequence', 'write a backslash as \\\\'],
])

/** Describes how to complete an expression. */
function completionOf(expression: string, example: string): string {
  const { openBracket, conditions } = unclosedIn(expression)
  const [last = ''] = /[^\s\w)\]}'"]+$/.exec(expression.trimEnd()) ?? []
  const missing = []
  if (last.endsWith('.')) missing.push("add a name after '.'")
  else if (last !== '' && !/^[([{]$/.test(last)) missing.push(`add a value after '${last}'`)
  if (openBracket !== undefined) {
    const bracket = expression.charAt(openBracket)
    missing.push(`add '${CLOSING.get(bracket)}' for the '${bracket}' at character ${openBracket + 1}`)
  } else if (conditions > 0 && missing.length === 0) missing.push("add ':' and the other value")
  return missing.length === 0 ? `write, for example, ${example}` : missing.join(', and ')
}

const CLOSING: ReadonlyMap<string, string> = new Map([
  ['(', ')'],
  ['[', ']'],
  ['{', '}'],
])

/** Finds the innermost open bracket, and counts each '?' without a matching ':'. */
function unclosedIn(expression: string): { openBracket: number | undefined; conditions: number } {
  const open: number[] = []
  let conditions = 0
  // All strings are closed here, since an unclosed string is reported as a different error.
  for (const { 0: token, index } of expression.matchAll(/"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|[()[\]{}?:]/g)) {
    if (CLOSING.has(token)) open.push(index)
    else if (/^[)\]}]$/.test(token)) open.pop()
    else if (token === '?') conditions++
    else if (token === ':') conditions--
  }
  return { openBracket: open.at(-1), conditions }
}
