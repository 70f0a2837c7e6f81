import { type ASTNode, EvaluationError } from '@marcbachmann/cel-js'
import { MAX_ELEMENTS, TooManyElementsError } from './cel-values.js'

/** Why an expression cannot be worked out for a request, in words of our own. */

/**
 * Why an expression could not be worked out. Says nothing of what the client sent: what the evaluator itself says of it
 * may quote the client's texts.
 */
export function reasonOf(error: unknown): string {
  if (error instanceof TooManyElementsError) return `a list or map has more than ${MAX_ELEMENTS} elements`
  if (error instanceof RangeError) return 'what it reads is nested too deeply or too long'
  if (!(error instanceof EvaluationError)) return OF_WRONG_TYPE
  switch (error.code) {
    case 'division_by_zero':
    case 'modulo_by_zero':
      return 'it divides by zero'
    case 'numeric_overflow':
      return 'a number in it is too large'
  }
  const { node } = error
  if (node === undefined) return OF_WRONG_TYPE
  switch (error.code) {
    case 'no_such_key':
      return missing(node)
    case 'index_out_of_bounds':
      return `${owner(node)} has fewer elements than '${textOf(node)}' asks for`
    default:
      return `'${textOf(node)}' does not go with the type of what the request has there`
  }
}

const OF_WRONG_TYPE = 'a value is not of the type that it needs'

function missing(node: ASTNode): string {
  const key = node.op === '.' || node.op === '.?' ? `'${node.args[1]}'` : keyOf(node)
  return `${owner(node)} has no ${key}`
}

function keyOf(node: ASTNode): string {
  if (node.op !== '[]') return `'${textOf(node)}'`
  const key = node.args[1]
  return key.op === 'value' && typeof key.args === 'string' ? `'${key.args}'` : `element '${textOf(key)}'`
}

/** Whose element is asked for: `the body`, `the query of the request`, or the expression that stands before it. */
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

/** The piece of the expression that a node was read from. */
function textOf(node: ASTNode): string {
  return node.input.slice(node.start, node.end)
}
