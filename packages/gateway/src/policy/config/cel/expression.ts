import { RequestError } from 'sluice'
import { UnreadableBodyError } from '../../body/unreadable-body.js'
import type { GatewayRequest } from '../../policy-request.js'
import { LANGUAGE, MAX_LENGTH } from './cel-language.js'
import { CelMap, celValue } from './cel-values.js'
import { compileErrorOf } from './compile-error.js'
import { reasonOf } from './evaluation-error.js'
import { ExpressionError } from './expression-error.js'
import { callSpecifiedFunctions, evaluateAsSpecified } from './specified-operators.js'
import { type ExpressionProblem, survey } from './static-analysis.js'

/**
 * Expressions of a configuration: CEL, checked with the file.
 *
 * They read `method`, `path`, `route`, `params`, `query`, `headers`, `ip`, `client` and `body`. Whole numbers of the body are ints
 * and others doubles, which can be mixed.
 */

/** What an expression is for, and so what it must give. */
type Purpose = 'key' | 'cost' | 'concurrent' | 'require'

/** An expression that is ready to be worked out. */
export interface Expression<T> {
  (request: GatewayRequest): T
  /** As it was written. */
  readonly source: string
  readonly readsBody: boolean
  /** Whether it reads where credentials are sent: the headers or the query. */
  readonly readsSecrets: boolean
}

/** What an expression of each purpose may give, by what the checker calls it. */
const RESULTS: Readonly<Record<Purpose, Result>> = {
  key: {
    types: ['string', 'int', 'uint', 'double', 'bool', 'dyn'],
    wanted: 'a text, a number or a bool',
    example: 'client.id',
  },
  cost: { types: ['int', 'uint', 'double', 'dyn'], wanted: 'a number', example: 'size(body.instances)' },
  concurrent: {
    types: ['int', 'uint', 'double', 'dyn'],
    wanted: 'a number',
    example: "client.tier == 'premium' ? 8 : 2",
  },
  require: { types: ['bool', 'dyn'], wanted: 'true or false', example: "client.tier == 'premium'" },
}

interface Result {
  readonly types: readonly string[]
  readonly wanted: string
  /** An expression that gives it. */
  readonly example: string
}

/**
 * Reads and checks an expression for a key.
 *
 * @param params names of the parameters of the route that it belongs to; undefined where they are not known
 * @returns a function whose text is never empty, or what is wrong. It throws RequestError for a request that lacks what
 *   the expression reads, which is told without anything that the client sent.
 */
export function keyExpression(
  source: string,
  params: readonly string[] | undefined,
): Expression<string> | ExpressionProblem[] {
  return compile('key', source, params, (result, fail) => {
    if (typeof result === 'number' || typeof result === 'bigint' || typeof result === 'boolean')
      return String(result)
    if (typeof result === 'string' && result !== '') return result
    return fail(result === '' ? 'it is an empty text' : 'it is neither a text nor a number')
  })
}

/** As `keyExpression`, for a cost: a number, zero or more. */
export function costExpression(
  source: string,
  params: readonly string[] | undefined,
): Expression<number> | ExpressionProblem[] {
  return compile('cost', source, params, (result, fail) => {
    const cost = numberOf(result, fail)
    return Number.isFinite(cost) && cost >= 0 ? cost : fail('it is negative or not finite')
  })
}

/** As `keyExpression`, for how many may be in flight: a whole number, one or more. */
export function concurrentExpression(
  source: string,
  params: readonly string[] | undefined,
): Expression<number> | ExpressionProblem[] {
  return compile('concurrent', source, params, (result, fail) => {
    const count = numberOf(result, fail)
    return Number.isSafeInteger(count) && count >= 1 ? count : fail('it is no whole number from 1 on')
  })
}

/**
 * As `keyExpression`, for whether a request may be made. One for which that cannot be worked out may not, so the function
 * throws only for what servers read in different ways.
 */
export function requireExpression(
  source: string,
  params: readonly string[] | undefined,
): Expression<boolean> | ExpressionProblem[] {
  const holds = compile('require', source, params, (result, fail) =>
    typeof result === 'boolean' ? result : fail('it is neither true nor false'),
  )
  if (typeof holds !== 'function') return holds
  const mayBeMade = (request: GatewayRequest): boolean => {
    try {
      return holds(request)
    } catch (error) {
      if (error instanceof ExpressionError || error instanceof UnreadableBodyError) return false
      throw error
    }
  }
  const { readsBody, readsSecrets } = holds
  return Object.assign(mayBeMade, { source, readsBody, readsSecrets })
}

type Fail = (reason: string) => never

function compile<T>(
  purpose: Purpose,
  source: string,
  params: readonly string[] | undefined,
  toResult: (result: unknown, fail: Fail) => T,
): Expression<T> | ExpressionProblem[] {
  if (source.length > MAX_LENGTH) {
    return [{ at: 0, message: `an expression has at most ${MAX_LENGTH} characters, not ${source.length}` }]
  }
  const { types, wanted, example } = RESULTS[purpose]
  let parsed: ReturnType<typeof LANGUAGE.parse>
  try {
    parsed = LANGUAGE.parse(source)
  } catch (error) {
    return [compileErrorOf(error, source, example)]
  }
  const { readsBody, readsSecrets, problems } = survey(parsed.ast, params)
  if (problems.length > 0) return [...problems]
  callSpecifiedFunctions(parsed.ast)
  const { valid, type, error } = parsed.check()
  if (!valid) return [compileErrorOf(error, source, example)]
  evaluateAsSpecified(parsed.ast)
  if (!types.includes(type ?? 'dyn'))
    return [{ at: 0, message: `this must give ${wanted}, and gives a ${type}; write for example ${example}` }]

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
  return Object.assign(evaluate, { source, readsBody, readsSecrets })
}

/** Read when they are asked for: an expression that does not mention the body works without one. */
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
      const { id = '', tier = '' } = request.client ?? {}
      return new CelMap({ id, tier })
    },
    get body() {
      return celValue(request.body)
    },
  }
}

function numberOf(result: unknown, fail: Fail): number {
  if (typeof result === 'number') return result
  // An unsigned int is an object around a bigint.
  const plain = typeof result === 'object' && result !== null ? result.valueOf() : result
  return typeof plain === 'bigint' ? Number(plain) : fail('it is no number')
}
