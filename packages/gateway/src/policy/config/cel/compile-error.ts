import { TypeError as ExpressionTypeError, ParseError } from '@marcbachmann/cel-js'

import { withoutPrefix } from './specified-operators.js'

/** What is wrong with an expression, and what would be right, in words of our own. */

/**
 * What is wrong with an expression that does not parse or whose types do not go together, where, and what would be right.
 *
 * @param example an expression that would do in its place
 */
export function compileErrorOf(
  error: unknown,
  expression: string,
  example: string,
): { at: number; message: string } {
  if (!(error instanceof ParseError || error instanceof ExpressionTypeError))
    return uncheckable(expression, example)
  const at = Math.min(error.range?.start ?? 0, expression.length)
  if (error.code === 'limit_exceeded')
    return { at: 0, message: 'this expression is too long, or its brackets too deep; say it with less' }
  if (error instanceof ParseError && at >= expression.length)
    return { at, message: `the expression ends too early; ${endingOf(expression, example)}` }
  const { what, advice } = told(error, expression, at)
  return {
    at,
    message: `this is no expression that can be worked out: ${what}; ${advice ?? `write for example ${example}`}`,
  }
}

/** The type checker fails on values whose type nothing tells, such as the elements of an empty list. */
function uncheckable(expression: string, example: string): { at: number; message: string } {
  const empty = /\[\s*\]|\{\s*\}/.exec(expression)
  const what = empty === null ? 'the type of a value is not known' : `nothing tells what is in '${empty[0]}'`
  return {
    at: empty?.index ?? 0,
    message: `this is no expression that can be worked out: ${what}; write for example ${example}`,
  }
}

interface Told {
  readonly what: string
  /** Undefined where an example says it best. */
  readonly advice?: string | undefined
}

function told(error: ParseError | ExpressionTypeError, expression: string, at: number): Told {
  const piece = expression.slice(at, error.range?.end)
  const what = withoutPrefix(error.summary).replace(/^\S/, (first) => first.toLowerCase())
  switch (error.code) {
    case 'unexpected_character':
      return unexpected(expression, at)
    case 'unexpected_token':
      return { what: `'${piece}' stands where a value is expected`, advice: memberNamed(piece) }
    case 'expected_token':
      return { what: `'${piece}' stands where ${wantedIn(what)} is expected`, advice: memberNamed(piece) }
    case 'reserved_identifier':
      return { what: `'${piece}' is a word that CEL keeps for itself`, advice: memberNamed(piece) }
    case 'unterminated_string':
      return { what, advice: `close it with ${expression.charAt(at)}` }
    case 'no_such_overload':
      return { what, advice: matchOf(what) }
    case 'no_matching_overload':
      return { what, advice: useOf(what) }
    default:
      return { what, advice: ADVICE.get(error.code) }
  }
}

const SIGN_BETWEEN = 'between two values stands a sign such as +, == or &&, and a text stands in quotes'

/** What people write who know it from another language. */
const MEANT: ReadonlyMap<string, string> = new Map([
  ['=', "'==' compares"],
  ['and', "'and' is written &&"],
  ['or', "'or' is written ||"],
  ['&', "'and' is written &&"],
  ['|', "'or' is written ||"],
])

function unexpected(expression: string, at: number): Told {
  const [piece] = /^(?:[A-Za-z_]\w*|.)/u.exec(expression.slice(at)) ?? ['']
  const what = `unexpected ${piece.length > 1 ? 'word' : 'character'} '${piece}'`
  if (/[)\]}]/.test(piece)) return { what, advice: 'remove it, or put what it closes before it' }
  if (/\bnot\s+$/.test(expression.slice(0, at))) return { what, advice: "'not' is written !" }
  return { what, advice: MEANT.get(piece) ?? SIGN_BETWEEN }
}

/** What the grammar waits for there. */
function wantedIn(summary: string): string {
  const [, token = ''] = /expected (\w+)/.exec(summary) ?? []
  return WANTED.get(token) ?? 'something else'
}

const WANTED: ReadonlyMap<string, string> = new Map([
  ['IDENTIFIER', 'a name'],
  ['COLON', "':'"],
  ['LPAREN', "'('"],
  ['RPAREN', "')'"],
  ['RBRACKET', "']'"],
  ['RBRACE', "'}'"],
])

function memberNamed(piece: string): string | undefined {
  if (piece === 'if') return 'a question is written as body.n > 10 ? 2 : 1'
  return /^[A-Za-z_]\w*$/.test(piece) ? `a member of that name is body['${piece}']` : undefined
}

const CONVERSION = 'string(...), int(...) and double(...) make one of the other'
const COMPARISON = 'compare it with something, as in size(body.list) > 10'

/** What a sign goes with that did not get it. */
function matchOf(summary: string): string {
  if (summary.includes(': !')) return COMPARISON
  return summary.includes(' in ') ? "'in' asks a list or a map, as in 'a' in body.list" : CONVERSION
}

/** How a function is used that did not get what it takes. */
function useOf(summary: string): string | undefined {
  const [, name = ''] = /'(?:[^'(]*\.)?(\w+)\(/.exec(summary) ?? []
  const use = USES.get(name)
  return use === undefined ? undefined : `it is used as in ${use}`
}

const USES: ReadonlyMap<string, string> = new Map([
  ['size', 'size(body.list), of a list, a map or a text'],
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
])

const ADVICE: ReadonlyMap<string, string> = new Map([
  ['incompatible_ternary_branches', CONVERSION],
  ['invalid_condition_type', 'ask something there, as in size(body.list) > 10 ? 2 : 1'],
  ['invalid_logical_operand', COMPARISON],
  [
    'invalid_macro_argument',
    'write has(body.member), or a name for each element as in body.list.all(x, x > 1)',
  ],
  ['invalid_comprehension_range', 'a list or a map is gone through, such as body.list'],
  ['cannot_index_type', 'it has no members: use it as it is'],
  ['invalid_index_type', 'the elements of a list are counted from 0, as in body.list[0]'],
  ['newline_in_string', 'close the text on its line; a new line in it is written \\n'],
  ['invalid_number', 'a number is written as 10 or 2.5'],
  ['invalid_exponent', 'a number is written as 10, 2.5 or 1e6'],
  ['invalid_escape_sequence', 'a backslash is written \\\\'],
])

/** What an expression that ends too early lacks. */
function endingOf(expression: string, example: string): string {
  const { open, questions } = openIn(expression)
  const [last = ''] = /[^\s\w)\]}'"]+$/.exec(expression.trimEnd()) ?? []
  const missing = []
  if (last.endsWith('.')) missing.push("a name comes after '.'")
  else if (last !== '' && !/^[([{]$/.test(last)) missing.push(`a value comes after '${last}'`)
  if (open !== undefined) {
    const bracket = expression.charAt(open)
    missing.push(`'${CLOSING.get(bracket)}' is missing for the '${bracket}' at its character ${open + 1}`)
  } else if (questions > 0 && missing.length === 0)
    missing.push("after '?' and a value come ':' and the value for else")
  return missing.length === 0 ? `write for example ${example}` : missing.join(', and ')
}

const CLOSING: ReadonlyMap<string, string> = new Map([
  ['(', ')'],
  ['[', ']'],
  ['{', '}'],
])

/** The innermost bracket that is not closed, and how many '?' are without their ':'. */
function openIn(expression: string): { open: number | undefined; questions: number } {
  const open: number[] = []
  let questions = 0
  // Texts are closed, or that would be what is wrong.
  for (const { 0: piece, index } of expression.matchAll(/"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|[()[\]{}?:]/g)) {
    if (CLOSING.has(piece)) open.push(index)
    else if (/^[)\]}]$/.test(piece)) open.pop()
    else if (piece === '?') questions++
    else if (piece === ':') questions--
  }
  return { open: open.at(-1), questions }
}
