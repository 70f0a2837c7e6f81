import { type ASTNode, EvaluationError } from '@marcbachmann/cel-js'
import { MAX_ELEMENTS, TooManyElementsError } from './cel-values.js'
import { NOT_AN_ADDRESS } from './network-functions.js'

/**
 * Explains why an expression failed for a request. The explanation contains nothing that the client
 * sent, unlike the evaluator's own messages.
 */
export function reasonOf(error: unknown): string {
  if (error instanceof TooManyElementsError) return `a list or map has more than ${MAX_ELEMENTS} elements`
  if (error instanceof RangeError) return 'a value is too long or nested too deeply'
  if (!(error instanceof EvaluationError)) return WRONG_TYPE
  switch (error.code) {
    case NOT_AN_ADDRESS:
      return 'a string is not an IP address'
    case 'division_by_zero':
    case 'modulo_by_zero':
      return 'division by zero'
    case 'numeric_overflow':
      return 'a number is out of range'
  }
  const { node } = error
  if (node === undefined) return WRONG_TYPE
  switch (error.code) {
    case 'no_such_key':
      return describeMissing(node)
    case 'index_out_of_bounds':
      return `${describeOwner(node)} has fewer elements than '${textOf(node)}' requires`
    default:
      return `'${textOf(node)}' does not support the type of the value in the request`
  }
}

const WRONG_TYPE = 'a value has the wrong type'

function describeMissing(node: ASTNode): string {
  const key = node.op === '.' || node.op === '.?' ? `'${node.args[1]}'` : keyOf(node)
  const isHeader = containerName(node) === 'headers' && key.startsWith("'")
  return isHeader ? `the request has no header ${key}` : `${describeOwner(node)} has no ${key}`
}

function keyOf(node: ASTNode): string {
  if (node.op !== '[]') return `'${textOf(node)}'`
  const key = node.args[1]
  return key.op === 'value' && typeof key.args === 'string' ? `'${key.args}'` : `element '${textOf(key)}'`
}

/**
 * Describes the container of a missing element: `the body`, `the query string`, or an expression.
 */
function describeOwner(node: ASTNode): string {
  if (node.op !== '.' && node.op !== '.?' && node.op !== '[]') return 'the request'
  return OWNERS[containerName(node)] ?? `'${textOf(node.args[0])}'`
}

/** Returns the variable whose element a node reads; `''` if it reads from another expression. */
function containerName(node: ASTNode): string {
  if (node.op !== '.' && node.op !== '.?' && node.op !== '[]') return ''
  const left = node.args[0]
  return left.op === 'id' ? left.args : ''
}

const OWNERS: Readonly<Record<string, string>> = {
  body: 'the body',
  query: 'the query string',
}

/** Returns the source text of a node. */
function textOf(node: ASTNode): string {
  return node.input.slice(node.start, node.end)
}
