import { Environment } from '@marcbachmann/cel-js'
import { CIDR_TYPE, Cidr } from './network-functions.js'
import { registerSpecifiedFunctions } from './specified-operators.js'
import { TIMESTAMP, ZONED_FUNCTIONS } from './time-functions.js'

/** The variables of expressions and their CEL types. */
export const VARIABLES: ReadonlyMap<string, string> = new Map([
  ['method', 'string'],
  ['path', 'string'],
  ['route', 'string'],
  ['params', 'map<string, string>'],
  ['query', 'map<string, string>'],
  ['headers', 'map<string, string>'],
  ['ip', 'string'],
  ['client', 'map<string, string>'],
  ['model', 'string'],
  ['now', TIMESTAMP],
  ['body', 'dyn'],
])

/**
 * The macros that loop over a list or map. Each takes a variable for the element and an expression.
 */
export const LOOPS: ReadonlySet<string> = new Set(['all', 'exists', 'exists_one', 'filter', 'map'])

/**
 * The supported functions, all of which take linear time. `matches` and `duration` are excluded,
 * since a crafted string can make them run almost indefinitely.
 */
export const FUNCTIONS: ReadonlySet<string> = new Set([
  ...['size', 'has', 'int', 'double', 'string', 'bool', 'dyn'],
  ...['startsWith', 'endsWith', 'contains', 'indexOf', 'lastIndexOf', 'substring'],
  ...['lowerAscii', 'upperAscii', 'trim'],
  ...['cidr', 'containsIP'],
  ...ZONED_FUNCTIONS,
  ...LOOPS,
])

/** Substring searches. They are linear only if the substring is short. */
export const SEARCHES: ReadonlySet<string> = new Set(['contains', 'indexOf', 'lastIndexOf'])

/** Maximum length of an expression, in characters. */
export const MAX_LENGTH = 1000
const MAX_NODES = 200
const MAX_DEPTH = 24

export const LANGUAGE = createLanguage('map<string, string>')

/** The language of expressions that read labels of clients, which may be lists. */
export const LANGUAGE_WITH_LABELS = createLanguage('map<string, dyn>')

/** @param client the type of the variable `client` */
function createLanguage(client: string): Environment {
  const language = new Environment({
    limits: { maxAstNodes: MAX_NODES, maxDepth: MAX_DEPTH, maxListElements: 100, maxMapEntries: 100 },
  })
  for (const [name, type] of VARIABLES) language.registerVariable(name, name === 'client' ? client : type)
  language.registerType(CIDR_TYPE, Cidr)
  registerSpecifiedFunctions(language)
  // JSON does not distinguish 2 from 2.0, so arithmetic mixes ints and doubles, unlike plain CEL.
  const arithmetic: Readonly<Record<string, (a: number, b: number) => number>> = {
    '+': (a, b) => a + b,
    '-': (a, b) => a - b,
    '*': (a, b) => a * b,
    '/': (a, b) => a / b,
  }
  for (const [operator, calculate] of Object.entries(arithmetic)) {
    const handler = (a: number | bigint, b: number | bigint) => calculate(Number(a), Number(b))
    language.registerOperator(`int ${operator} double: double`, handler)
    language.registerOperator(`double ${operator} int: double`, handler)
  }
  return language
}
