import { type ASTNode, EvaluationError } from '@marcbachmann/cel-js'
import { MAX_ELEMENTS, TooManyElementsError } from './cel-values.js'

/**
 * Explains why an expression failed for a request. The explanation contains nothing that the client
 * sent, unlike the evaluator's own messages.
 */
export function reasonOf(error: unknown): string {
  if (error instanceof TooManyElementsError) return `a list or map has more than ${MAX_ELEMENTS} elements`
  if (error instanceof RangeError) return 'the value that it reads is nested too deeply or too long'
  if (!(error instanceof EvaluationError)) return WRONG_TYPE
  switch (error.code) {
    case 'division_by_zero':
    case 'modulo_by_zero':
      return 'it divides by zero'
    case 'numeric_overflow':
      return 'a number in it is too large'
  }
  const { node } = error
  if (node === undefined) return WRONG_TYPE
  switch (error.code) {
    case 'no_such_key':
      return missing(node)
    case 'index_out_of_bounds':
      return `${owner(node)} has fewer elements than '${textOf(node)}' requires`
    default:
      return `'${textOf(node)}' does not support the type of the request's value`
  }
}

const WRONG_TYPE = 'a value has the wrong type'

function missing(node: ASTNode): string {
  const key = node.op === '.' || node.op === '.?' ? `'${node.args[1]}'` : keyOf(node)
  return `${owner(node)} has no ${key}`
}

function keyOf(node: ASTNode): string {
  if (node.op !== '[]') return `'${textOf(node)}'`
  const key = node.args[1]
  return key.op === 'value' && typeof key.args === 'string' ? `'${key.args}'` : `element '${textOf(key)}'`
}

/**
 * Describes the container of a missing element: `the body`, `the query of the request`, or an
 * expression.
 */
function owner(node: ASTNode): string {
  if (node.op !== '.' && node.op !== '.?' && node.op !== '[]') return 'the request'
  const left = node.args[0]
  const name = left.op === 'id' ? left.args : ''
  return OWNERS[name] ?? `'${textOf(left)}'`
}

const OWNERS: Readonly<Record<string, string>> = {
  body: 'the body',
  query: 'the query of the request',
  headers: 'the head of the request',
}

/** Returns the source text of a node. */
function textOf(node: ASTNode): string {
  return node.input.slice(node.start, node.end)
}
