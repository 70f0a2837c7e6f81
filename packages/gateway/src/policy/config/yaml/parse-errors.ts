/** An error or warning of the YAML parser. */
interface ParserError {
  readonly code: string
  readonly message: string
  readonly pos: readonly [number, number]
}

/** Errors that are consequences of another error at the same position, if there is one. */
const CONSEQUENCES: ReadonlySet<string> = new Set(['MISSING_CHAR', 'BLOCK_AS_IMPLICIT_KEY'])

/** Rewords the parser's errors for operators, and drops those that are consequences of another. */
export function explainParseErrors(errors: readonly ParserError[]): { at: number; message: string }[] {
  const causes = new Set(errors.filter(({ code }) => !CONSEQUENCES.has(code)).map(({ pos }) => pos[0]))
  return errors
    .filter(({ code, pos }) => !CONSEQUENCES.has(code) || !causes.has(pos[0]))
    .map(({ code, message, pos }) => ({ at: pos[0], message: explain(code, message) }))
}

function explain(code: string, message: string): string {
  if (code === 'MISSING_CHAR') return explainMissing(message)
  if (code === 'BAD_SCALAR_START') {
    const sign = message.at(-1)
    return `a string that begins with '${sign}' needs quotes, as in "${sign}name"`
  }
  return (
    EXPLANATIONS.get(code) ?? `invalid YAML: ${message}; quote strings that contain YAML syntax characters`
  )
}

/** The most common mistakes, by the parser's code. */
const EXPLANATIONS: ReadonlyMap<string, string> = new Map([
  ['TAB_AS_INDENT', 'the line is indented with a tab; YAML requires spaces'],
  ['MULTIPLE_DOCS', "a second document begins here; remove the '---', since a configuration is one document"],
  [
    'BLOCK_AS_IMPLICIT_KEY',
    "a second ': ' on one line; quote a string that contains one, and write each key on its own line",
  ],
  [
    'MULTILINE_IMPLICIT_KEY',
    "a key and its ':' must be on one line; add a missing ':', or indent the line below less",
  ],
  [
    'BAD_INDENT',
    'this line has the wrong indentation, or a bracket above is not closed; indent it like the adjacent lines, or close the bracket with ] or }',
  ],
  ['BLOCK_IN_FLOW', 'a comma or a closing bracket is missing; write [a, b] or { a: 1, b: 2 }'],
  ['TAG_RESOLVE_FAILED', 'an unknown tag (!...); remove it, since a configuration needs no tags'],
  ['BAD_DQ_ESCAPE', 'an invalid escape in "double quotes"; write \\\\ for a backslash, or use single quotes'],
  [
    'UNEXPECTED_TOKEN',
    'unexpected text; remove a surplus bracket or comma, and quote strings that contain YAML syntax characters',
  ],
])

function explainMissing(message: string): string {
  for (const [start, explanation] of MISSING) if (message.startsWith(start)) return explanation
  return 'a quote, bracket, comma or colon is missing here'
}

/** Missing characters, by how the parser's message begins. */
const MISSING: readonly (readonly [start: string, explanation: string])[] = [
  ["Missing closing 'quote", "a closing quote is missing: a string that begins with ' must end with '"],
  ['Missing closing "quote', 'a closing quote is missing: a string that begins with " must end with "'],
  [
    'Implicit map keys need',
    "a ':' is missing or the indentation is wrong; write a key as in listen: 8080, and indent it like the adjacent keys",
  ],
  [
    'Sequence item without',
    "a '-' is missing or the indentation is wrong; begin each entry of a list with '- ', and indent all entries equally",
  ],
  ['Missing , ', 'a comma or a bracket is missing; write [a, b] or { a: 1, b: 2 }'],
  ['Missing space after :', "a space is missing between ':' and the value"],
  ['Comments must', "a space is missing before the '#' of a comment; quote a string that contains a '#'"],
]
