import { type ASTNode, type Environment, EvaluationError } from '@marcbachmann/cel-js'
import { networkFunctions } from './network-functions.js'
import { checkedInt, doubleOfString, intOfDouble, intOfString, intOfUint } from './number-functions.js'
import { indexOf, lastIndexOf, lowerAscii, substring, trim, upperAscii } from './string-functions.js'
import { childrenOf } from './syntax-tree.js'
import { timeFunctions } from './time-functions.js'

/** Prefix of the functions that replace built-in ones. */
const PREFIX = 'cel_'

/**
 * Functions that follow CEL's specification where the evaluator's own functions do not, and those
 * of CEL's network extension, by name.
 * The evaluator's functions cannot be replaced, so these are registered with a prefix, and calls
 * are redirected after parsing.
 */
const FUNCTIONS: Readonly<Record<string, Readonly<Record<string, (...args: never[]) => unknown>>>> = {
  int: {
    'cel_int(int): int': (value: bigint) => value,
    'cel_int(uint): int': intOfUint,
    'cel_int(double): int': intOfDouble,
    'cel_int(string): int': intOfString,
  },
  double: {
    'cel_double(int): double': Number,
    'cel_double(uint): double': (value: object) => Number(value.valueOf()),
    'cel_double(double): double': (value: number) => value,
    'cel_double(string): double': doubleOfString,
  },
  lowerAscii: { 'string.cel_lowerAscii(): string': lowerAscii },
  upperAscii: { 'string.cel_upperAscii(): string': upperAscii },
  trim: { 'string.cel_trim(): string': trim },
  indexOf: {
    'string.cel_indexOf(string): int': indexOf,
    'string.cel_indexOf(string, int): int': indexOf,
  },
  lastIndexOf: {
    'string.cel_lastIndexOf(string): int': lastIndexOf,
    'string.cel_lastIndexOf(string, int): int': lastIndexOf,
  },
  substring: {
    'string.cel_substring(int): string': substring,
    'string.cel_substring(int, int): string': substring,
  },
  ...timeFunctions(PREFIX),
  ...networkFunctions(PREFIX),
}

/** Registers the functions with their prefix. */
export function registerSpecifiedFunctions(language: Environment): void {
  for (const overloads of Object.values(FUNCTIONS))
    for (const [signature, implementation] of Object.entries(overloads))
      language.registerFunction(signature, implementation as (...args: unknown[]) => unknown, {
        async: false,
      })
}

/** Removes the prefix from a message of the evaluator. */
export function withoutPrefix(text: string): string {
  return text.replaceAll(PREFIX, '')
}

/** The internals of a node that are modified here. The evaluator's types do not expose them. */
interface MutableNode {
  readonly meta: { evaluate: Evaluate }
  setMeta(key: 'evaluate', evaluate: Evaluate): void
}

type Evaluate = (evaluator: Evaluator, node: ASTNode, context: unknown) => unknown

interface Evaluator {
  run(node: ASTNode, context: unknown): unknown
}

/**
 * Redirects calls from the replaced functions to the prefixed ones. Must run before the type check.
 */
export function redirectCalls(node: ASTNode): void {
  if (node.op === 'call' || node.op === 'rcall') {
    const [name] = node.args
    if (Object.hasOwn(FUNCTIONS, name)) (node.args as unknown[])[0] = PREFIX + name
  }
  for (const child of childrenOf(node)) redirectCalls(child)
}

/** Allows map keys of any type and checks integers for overflow. Must run after the type check. */
export function evaluateAsSpecified(node: ASTNode): void {
  const mutable = node as unknown as MutableNode
  if (node.op === 'map' && node.args.length > 0) mutable.setMeta('evaluate', evaluateMap)
  if (node.op === '-_' || node.op === '/') {
    const { evaluate } = mutable.meta
    mutable.setMeta('evaluate', (evaluator, self, context) => {
      const result = evaluate(evaluator, self, context)
      return typeof result === 'bigint' ? checkedInt(result) : result
    })
  }
  for (const child of childrenOf(node)) evaluateAsSpecified(child)
}

function evaluateMap(evaluator: Evaluator, node: ASTNode, context: unknown): unknown {
  const entries = node.args as readonly (readonly [ASTNode, ASTNode])[]
  const map = new Map<unknown, unknown>()
  for (const [key, value] of entries) {
    const name = evaluator.run(key, context)
    if (map.has(name)) throw new EvaluationError({ code: 'duplicate_key', message: 'duplicate key', node })
    map.set(name, evaluator.run(value, context))
  }
  return map
}
