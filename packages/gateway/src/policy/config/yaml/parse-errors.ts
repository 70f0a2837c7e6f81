/** What the YAML parser says, as people who write configurations understand it: what is wrong, and what would be right. */

/** One thing that the parser says. */
interface YamlFault {
  readonly code: string
  readonly message: string
  readonly pos: readonly [number, number]
}

/** These are what follows from another fault of the same place, where there is one. */
const CONSEQUENCES: ReadonlySet<string> = new Set(['MISSING_CHAR', 'BLOCK_AS_IMPLICIT_KEY'])

/** Each fault by where it is. What follows from another one is left out. */
export function plainParseError(faults: readonly YamlFault[]): { at: number; message: string }[] {
  const causes = new Set(faults.filter(({ code }) => !CONSEQUENCES.has(code)).map(({ pos }) => pos[0]))
  return faults
    .filter(({ code, pos }) => !CONSEQUENCES.has(code) || !causes.has(pos[0]))
    .map(({ code, message, pos }) => ({ at: pos[0], message: plainWords(code, message) }))
}

function plainWords(code: string, message: string): string {
  if (code === 'MISSING_CHAR') return missing(message)
  if (code === 'BAD_SCALAR_START') {
    const sign = message.at(-1)
    return `a text begins with '${sign}' only where it stands in quotes, as in "${sign}name"`
  }
  return (
    PLAIN_WORDS.get(code) ?? `this is no YAML: ${message}; a text with signs of YAML in it stands in quotes`
  )
}

/** For the mistakes that are made most. */
const PLAIN_WORDS: ReadonlyMap<string, string> = new Map([
  ['TAB_AS_INDENT', 'a tab stands where a line is indented; YAML takes spaces there'],
  ['MULTIPLE_DOCS', "a second document begins here; a configuration is one, so remove the '---'"],
  [
    'BLOCK_AS_IMPLICIT_KEY',
    "a second ': ' on one line; a text that has one in it stands in quotes, and each key on a line of its own",
  ],
  [
    'MULTILINE_IMPLICIT_KEY',
    "a key and its ':' stand on one line; is a ':' missing, or a line below indented further than this one?",
  ],
  [
    'BAD_INDENT',
    'this line is not indented as what it belongs to, or a bracket above is not closed; indent it as its neighbours are, or close the bracket with ] or }',
  ],
  ['BLOCK_IN_FLOW', 'a comma is missing in brackets, or they are not closed: as in [a, b] or { a: 1, b: 2 }'],
  ['TAG_RESOLVE_FAILED', 'a tag (!...) that is not known; a configuration needs none, so remove it'],
  [
    'BAD_DQ_ESCAPE',
    'a backslash in "double quotes" begins an escape, and this is none; write \\\\ for a backslash, or take single quotes',
  ],
  [
    'UNEXPECTED_TOKEN',
    'this does not belong here; a bracket or comma that is too many goes, and a text with signs of YAML in it stands in quotes',
  ],
])

function missing(message: string): string {
  for (const [start, words] of MISSING) if (message.startsWith(start)) return words
  return 'something is missing here: a quote, bracket, comma or colon'
}

/** By how the parser's words begin. */
const MISSING: readonly (readonly [start: string, words: string])[] = [
  ["Missing closing 'quote", "a quote is missing here: a text that begins with ' ends with '"],
  ['Missing closing "quote', 'a quote is missing here: a text that begins with " ends with "'],
  [
    'Implicit map keys need',
    "something is missing here: after a key come ': ' and its value, as in listen: 8080, and it is indented as its neighbours are",
  ],
  [
    'Sequence item without',
    "something is missing here: each entry of a list begins with '- '; or this line is not indented as its neighbours are",
  ],
  ['Missing , ', 'a comma is missing here, or a bracket before it: as in [a, b] or { a: 1, b: 2 }'],
  ['Missing space after :', "a space is missing here: it stands between a ':' and the value"],
  [
    'Comments must',
    "a space is missing here: one stands before the '#' of a comment, and a text with a '#' in it stands in quotes",
  ],
]
