import { type ASTNode, type Environment, EvaluationError } from '@marcbachmann/cel-js'
import { checkedInt, doubleOfString, intOfDouble, intOfString, intOfUint } from './number-functions.js'
import { indexOf, lastIndexOf, lowerAscii, substring, trim, upperAscii } from './string-functions.js'
import { childrenOf } from './syntax-tree.js'

/**
 * Where the evaluator differs from CEL's specification, expressions are worked out by functions of our own. The evaluator lets
 * none of its own be replaced, so ours are registered under other names, and calls are renamed after they were parsed.
 */

/** Stands before the names of our own functions. */
const OWN = 'cel_'

/** By the names that expressions have. */
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
}

export function registerSpecifiedFunctions(language: Environment): void {
  for (const overloads of Object.values(FUNCTIONS))
    for (const [signature, work] of Object.entries(overloads))
      language.registerFunction(signature, work as (...args: unknown[]) => unknown, { async: false })
}

/** A text of the evaluator with the names that expressions have. */
export function withoutPrefix(text: string): string {
  return text.replaceAll(OWN, '')
}

/** What of a node is changed, which the evaluator's types keep to themselves. */
interface ChangeableNode {
  readonly meta: { evaluate: Evaluate }
  setMeta(key: 'evaluate', evaluate: Evaluate): void
}

type Evaluate = (evaluator: Evaluator, node: ASTNode, context: unknown) => unknown

interface Evaluator {
  run(node: ASTNode, context: unknown): unknown
}

/** Renames the calls of functions that are our own. To be called before the types are checked. */
export function callSpecifiedFunctions(node: ASTNode): void {
  if (node.op === 'call' || node.op === 'rcall') {
    const [name] = node.args
    if (Object.hasOwn(FUNCTIONS, name)) (node.args as unknown[])[0] = OWN + name
  }
  for (const child of childrenOf(node)) callSpecifiedFunctions(child)
}

/** Gives maps keys of any type, and integers their range. To be called after the types were checked. */
export function evaluateAsSpecified(node: ASTNode): void {
  const changeable = node as unknown as ChangeableNode
  if (node.op === 'map' && node.args.length > 0) changeable.setMeta('evaluate', evaluateMap)
  if (node.op === '-_' || node.op === '/') {
    const { evaluate } = changeable.meta
    changeable.setMeta('evaluate', (evaluator, self, context) => {
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
    if (map.has(name))
      throw new EvaluationError({ code: 'duplicate_key', message: 'a key is there twice', node })
    map.set(name, evaluator.run(value, context))
  }
  return map
}
