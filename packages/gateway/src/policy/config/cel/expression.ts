import type { ASTNode } from '@marcbachmann/cel-js'
import { RequestError } from 'sluice'
import { BoundedCache } from 'sluice/internal'
import { UnreadableBodyError } from '../../body/unreadable-body.js'
import type { GatewayRequest } from '../../policy-request.js'
import { LANGUAGE, LANGUAGE_WITH_LABELS, MAX_LENGTH } from './cel-language.js'
import { CelMap, ClientMembers, celValue } from './cel-values.js'
import { compileErrorOf } from './compile-error.js'
import { reasonOf } from './evaluation-error.js'
import { ExpressionError } from './expression-error.js'
import type { ExpressionScope } from './expression-scope.js'
import { evaluateAsSpecified, redirectCalls } from './specified-operators.js'
import { analyze, type ExpressionProblem } from './static-analysis.js'

/** The purpose of an expression, which determines the type of its result. */
type Purpose = 'key' | 'cost' | 'limit' | 'concurrent' | 'class' | 'require' | 'when' | 'allow' | 'upstream'

/** A compiled expression: a function of the request. */
export interface Expression<T> extends ExpressionProperties {
  (request: GatewayRequest): T
}

interface ExpressionProperties {
  /** The expression as written. */
  readonly source: string
  readonly readsBody: boolean
  /** True if it reads the headers or the query, which may contain credentials. */
  readonly readsSecrets: boolean
  readonly readsModel: boolean
  /** The labels of the client that it reads; `*` if it may read any. Absent if it reads none. */
  readonly labels?: readonly string[]
  /** Warnings about the expression, which is valid. */
  readonly warnings?: readonly string[]
}

/** The result of an expression for each purpose. */
const RESULTS: Readonly<Record<Purpose, ExpectedResult>> = {
  key: {
    types: ['string', 'int', 'uint', 'double', 'bool', 'dyn'],
    expected: 'a string, a number or a bool',
    example: 'client.id',
  },
  cost: { types: ['int', 'uint', 'double', 'dyn'], expected: 'a number', example: 'size(body.instances)' },
  limit: {
    types: ['string', 'dyn'],
    expected: 'a string such as 10/minute',
    example: "client.tier == 'premium' ? '100/minute' : '10/minute'",
  },
  concurrent: {
    types: ['int', 'uint', 'double', 'dyn'],
    expected: 'a number',
    example: "client.tier == 'premium' ? 8 : 2",
  },
  class: {
    types: ['string', 'dyn'],
    expected: 'the name of a class',
    example: "client.tier == 'batch' ? 'batch' : 'interactive'",
  },
  require: { types: ['bool', 'dyn'], expected: 'true or false', example: "client.tier == 'premium'" },
  when: { types: ['bool', 'dyn'], expected: 'true or false', example: "client.tier == 'premium'" },
  allow: {
    types: ['string', 'list<string>', 'list<dyn>', 'dyn'],
    expected: 'a list of strings',
    example: 'client.models',
  },
  upstream: {
    types: ['string', 'dyn'],
    expected: 'the name of an upstream',
    example: "client.tier == 'premium' ? 'fast' : 'default'",
  },
}

interface ExpectedResult {
  /** The allowed types, as the type checker names them. */
  readonly types: readonly string[]
  /** For messages. */
  readonly expected: string
  /** A valid expression, for messages. */
  readonly example: string
}

/**
 * Compiles the expression of a key.
 *
 * @returns a function that returns a non-empty string, or the problems of the expression. The
 *   function throws RequestError if the request lacks a value that the expression reads. The error
 *   contains nothing that the client sent.
 */
export function keyExpression(
  source: string,
  scope: ExpressionScope,
): Expression<string> | ExpressionProblem[] {
  return compile('key', source, scope, (result, fail) => {
    if (typeof result === 'number' || typeof result === 'bigint' || typeof result === 'boolean')
      return String(result)
    if (typeof result === 'string' && result !== '') return result
    return fail(
      result === '' ? 'the result is an empty string' : 'the result is neither a string nor a number',
    )
  })
}

/** Compiles the expression of a cost: a number, zero or more. See `keyExpression`. */
export function costExpression(
  source: string,
  scope: ExpressionScope,
): Expression<number> | ExpressionProblem[] {
  return compile('cost', source, scope, (result, fail) => {
    const cost = numberOf(result, fail)
    return Number.isFinite(cost) && cost >= 0 ? cost : fail('the result is negative or not finite')
  })
}

/** Maximum number of limits that an expression returned and that are known to be valid. */
const MAX_KNOWN_LIMITS = 1000

/**
 * Compiles the expression of a limit: a string with one limit, or `unlimited`. See `keyExpression`.
 *
 * @param problemOf finds the problem of a string that is no such limit. Strings that the expression
 *   certainly returns for some request are checked when it is compiled.
 */
export function limitExpression(
  source: string,
  scope: ExpressionScope,
  problemOf: (limit: string) => ExpressionProblem | undefined,
): Expression<string> | ExpressionProblem[] {
  const known = new BoundedCache<string, true>(MAX_KNOWN_LIMITS)
  const toLimit = (result: unknown, fail: Fail): string => {
    if (typeof result !== 'string') return fail('the result is not a string')
    if (known.get(result) === true) return result
    if (problemOf(result) !== undefined) return fail('the result is not a limit such as 10/minute')
    known.set(result, true)
    return result
  }
  return compile('limit', source, scope, toLimit, problemOf)
}

/** Compiles the expression of `concurrent`: a whole number of at least 1. See `keyExpression`. */
export function concurrentExpression(
  source: string,
  scope: ExpressionScope,
): Expression<number> | ExpressionProblem[] {
  return compile('concurrent', source, scope, (result, fail) => {
    const count = numberOf(result, fail)
    return Number.isSafeInteger(count) && count >= 1
      ? count
      : fail('the result is not a whole number of at least 1')
  })
}

/**
 * Compiles the expression of a `class`, or of the `upstream` of a route: a name. See `keyExpression`.
 *
 * @param problemOf finds the problem of a name. Names that the expression certainly returns for some
 *   request are checked when it is compiled.
 */
export function nameExpression(
  purpose: 'class' | 'upstream',
  source: string,
  scope: ExpressionScope,
  problemOf: (name: string) => ExpressionProblem | undefined,
): Expression<string> | ExpressionProblem[] {
  const toName = (result: unknown, fail: Fail) =>
    typeof result === 'string' ? result : fail('the result is not a string')
  return compile(purpose, source, scope, toName, problemOf)
}

/**
 * Compiles the expression of `require`. See `keyExpression`. If the expression cannot be evaluated
 * for a request, the result is false. The function throws only for requests that servers interpret
 * differently.
 */
export function requireExpression(
  source: string,
  scope: ExpressionScope,
): Expression<boolean> | ExpressionProblem[] {
  const holds = compile('require', source, scope, (result, fail) =>
    typeof result === 'boolean' ? result : fail('the result is neither true nor false'),
  )
  if (typeof holds !== 'function') return holds
  const isAllowed = (request: GatewayRequest): boolean => {
    try {
      return holds(request)
    } catch (error) {
      if (error instanceof ExpressionError || error instanceof UnreadableBodyError) return false
      throw error
    }
  }
  return Object.assign(isAllowed, propertiesOf(holds))
}

/** Compiles the expression of `when`: true or false. See `keyExpression`. */
export function whenExpression(
  source: string,
  scope: ExpressionScope,
): Expression<boolean> | ExpressionProblem[] {
  return compile('when', source, scope, (result, fail) =>
    typeof result === 'boolean' ? result : fail('the result is neither true nor false'),
  )
}

/**
 * Compiles the expression of `allow`: a string or a list of strings. A client without the label that it
 * reads is allowed nothing. See `keyExpression`.
 */
export function allowExpression(
  source: string,
  scope: ExpressionScope,
): Expression<readonly string[]> | ExpressionProblem[] {
  return compile('allow', source, scope, (result, fail) => {
    if (result === '') return []
    const names =
      typeof result === 'object' && result !== null && 'size' in result ? listIn(result) : [result]
    return names.every((name) => typeof name === 'string')
      ? names
      : fail('the result is neither a string nor a list of strings')
  })
}

function listIn(result: object): readonly unknown[] {
  return Symbol.iterator in result ? [...(result as Iterable<unknown>)] : []
}

/** Returns the properties of an expression, for a function that replaces it. */
export function propertiesOf({
  source,
  readsBody,
  readsSecrets,
  readsModel,
  labels,
  warnings,
}: ExpressionProperties): ExpressionProperties {
  return {
    ...{ source, readsBody, readsSecrets, readsModel },
    ...(labels && { labels }),
    ...(warnings && { warnings }),
  }
}

type Fail = (reason: string) => never

function compile<T>(
  purpose: Purpose,
  source: string,
  scope: ExpressionScope,
  toResult: (result: unknown, fail: Fail) => T,
  problemOf?: (literal: string) => ExpressionProblem | undefined,
): Expression<T> | ExpressionProblem[] {
  if (source.length > MAX_LENGTH) {
    return [
      { at: 0, message: `an expression must have at most ${MAX_LENGTH} characters, not ${source.length}` },
    ]
  }
  const { types, expected, example } = RESULTS[purpose]
  let parsed: ReturnType<typeof LANGUAGE.parse>
  try {
    parsed = LANGUAGE.parse(source)
  } catch (error) {
    return [compileErrorOf(error, source, example)]
  }
  const analysis = analyze(parsed.ast, scope)
  const { readsBody, readsSecrets, readsModel, labels, warnings, problems } = analysis
  if (problems.length > 0) return [...problems]
  if (analysis.readsLabels) parsed = LANGUAGE_WITH_LABELS.parse(source)
  const invalid = problemOf === undefined ? [] : problemsOfResults(parsed.ast, problemOf)
  redirectCalls(parsed.ast)
  const { valid, type, error } = parsed.check()
  if (!valid) return [compileErrorOf(error, source, example)]
  evaluateAsSpecified(parsed.ast)
  if (!types.includes(type ?? 'dyn'))
    return [
      {
        at: 0,
        message: `the expression must return ${expected}, but returns ${/^[aeiou]/.test(type ?? '') ? 'an' : 'a'} ${type}; write, for example, ${example}`,
      },
    ]

  if (invalid.length > 0) return invalid
  const fail: Fail = (reason) => {
    throw new ExpressionError(purpose, source, reason)
  }
  const evaluate = (request: GatewayRequest): T => {
    try {
      return toResult(parsed(variablesOf(request)), fail)
    } catch (failure) {
      const error =
        failure instanceof RequestError ? failure : new ExpressionError(purpose, source, reasonOf(failure))
      const reason = error instanceof ExpressionError ? error.reason : error.message
      request.reportFailure?.({ expression: source, purpose, reason })
      throw error
    }
  }
  return Object.assign(evaluate, {
    source,
    readsBody,
    readsSecrets,
    readsModel,
    ...(labels.length > 0 && { labels }),
    ...(warnings.length > 0 && { warnings }),
  })
}

/** Finds the problems of the string literals that an expression may return. */
function problemsOfResults(
  node: ASTNode,
  problemOf: (literal: string) => ExpressionProblem | undefined,
): ExpressionProblem[] {
  if (node.op === '?:') return node.args.slice(1).flatMap((branch) => problemsOfResults(branch, problemOf))
  if (node.op !== 'value' || typeof node.args !== 'string') return []
  const problem = problemOf(node.args)
  // The literal begins with its quote.
  return problem === undefined ? [] : [{ ...problem, at: node.start + 1 + problem.at }]
}

/**
 * Returns the variables of a request. They are evaluated lazily, so that expressions that do not
 * read the body work without one.
 */
function variablesOf(request: GatewayRequest): object {
  return {
    get method() {
      return request.method
    },
    get path() {
      return request.path
    },
    get route() {
      return request.route
    },
    get params() {
      return new CelMap(request.params)
    },
    get query() {
      return new CelMap(request.query)
    },
    get headers() {
      return new CelMap(request.headers)
    },
    get ip() {
      return request.ip
    },
    get client() {
      return new CelMap(new ClientMembers(request.client))
    },
    get model() {
      return request.model
    },
    get now() {
      return new Date(request.time)
    },
    get body() {
      return celValue(request.body)
    },
  }
}

function numberOf(result: unknown, fail: Fail): number {
  if (typeof result === 'number') return result
  // A CEL uint is an object that wraps a bigint.
  const plain = typeof result === 'object' && result !== null ? result.valueOf() : result
  return typeof plain === 'bigint' ? Number(plain) : fail('the result is not a number')
}
