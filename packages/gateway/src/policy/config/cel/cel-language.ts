import { Environment } from '@marcbachmann/cel-js'
import { registerSpecifiedFunctions } from './specified-operators.js'

/** The part of CEL that expressions of a configuration are written in. */

/** What an expression reads, and of what type it is. */
export const VARIABLES: ReadonlyMap<string, string> = new Map([
  ['method', 'string'],
  ['path', 'string'],
  ['route', 'string'],
  ['params', 'map<string, string>'],
  ['query', 'map<string, string>'],
  ['headers', 'map<string, string>'],
  ['ip', 'string'],
  ['client', 'map<string, string>'],
  ['body', 'dyn'],
])

/** What `client` has. */
export const CLIENT_MEMBERS: readonly string[] = ['id', 'tier']

/** The loops. Each takes a name for the element, and what is done with it. */
export const LOOPS: ReadonlySet<string> = new Set(['all', 'exists', 'exists_one', 'filter', 'map'])

/**
 * What can be called: what takes time that is linear in what it is given, and nothing else. `matches` can take for ever on
 * a text that a client made for it, and so can `duration`.
 */
export const FUNCTIONS: ReadonlySet<string> = new Set([
  ...['size', 'has', 'int', 'double', 'string', 'bool', 'dyn'],
  ...['startsWith', 'endsWith', 'contains', 'indexOf', 'lastIndexOf', 'substring'],
  ...['lowerAscii', 'upperAscii', 'trim'],
  ...LOOPS,
])

/** These look for a text in a text, which is linear only where the one that is looked for is short. */
export const SEARCHES: ReadonlySet<string> = new Set(['contains', 'indexOf', 'lastIndexOf'])

/** Longest expression, in characters, and the most pieces that it may have. */
export const MAX_LENGTH = 1000
const MAX_NODES = 200
const MAX_DEPTH = 24

export const LANGUAGE = createLanguage()

function createLanguage(): Environment {
  const language = new Environment({
    limits: { maxAstNodes: MAX_NODES, maxDepth: MAX_DEPTH, maxListElements: 100, maxMapEntries: 100 },
  })
  for (const [name, type] of VARIABLES) language.registerVariable(name, type)
  registerSpecifiedFunctions(language)
  // JSON does not tell 2 from 2.0, so ints and doubles go together here. In plain CEL they do not.
  const arithmetic: Readonly<Record<string, (a: number, b: number) => number>> = {
    '+': (a, b) => a + b,
    '-': (a, b) => a - b,
    '*': (a, b) => a * b,
    '/': (a, b) => a / b,
  }
  for (const [sign, work] of Object.entries(arithmetic)) {
    const handler = (a: number | bigint, b: number | bigint) => work(Number(a), Number(b))
    language.registerOperator(`int ${sign} double: double`, handler)
    language.registerOperator(`double ${sign} int: double`, handler)
  }
  return language
}
