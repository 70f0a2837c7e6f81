import { parseDuration } from '../limits/duration.js'
import { type Counting, parseLimits } from '../limits/grammar.js'
import { checkCost, checkLimit, DEFAULT_LEASE, type Limit } from '../limits/limit.js'
import { compileKey, type KeySources, type KeySpec } from './key-spec.js'
import { RequestError } from './request-error.js'

/** What is counted. `concurrent` is counted by a rule with `concurrent` only. */
export type Resource = 'requests' | 'tokens' | 'input_tokens' | 'output_tokens' | (string & {})

/** `10/minute`, or the same as data. */
export type LimitSpec = string | Limit

interface RuleOptions<Request> {
  /**
   * What refusals, headers and metrics call the rule, and what its state is kept under; printable ASCII, up to 64
   * characters. Default: the resource, numbered where there are several.
   */
  readonly name?: string
  /** Whom it is counted for. Default: the client; for a limiter of plain keys, the key that it is asked about. */
  readonly by?: KeySpec<Request>
  /** How much one request takes: zero or more. Default 1. */
  readonly cost?: number | ((request: Request) => number)
  /** `false`: decided and counted, but never a reason to refuse. */
  readonly enforce?: boolean
}

/** A limit over time. */
export interface RateRule<Request> extends RuleOptions<Request>, Counting {
  /** One limit, several joined with `;`, or a function of the request that gives one. */
  readonly limit: LimitSpec | ((request: Request) => LimitSpec)
  /** Default: `requests`. */
  readonly of?: Resource
}

/** A limit on what is in flight. */
export interface ConcurrencyRule<Request> extends RuleOptions<Request> {
  /** How many may be in flight. */
  readonly concurrent: number | ((request: Request) => number)
  /** How long a slot is held without being renewed: milliseconds, or `30s`, which is the default. */
  readonly lease?: number | string
}

export type Rule<Request> = RateRule<Request> | ConcurrencyRule<Request>

/** A rule of one limit, ready to be applied to requests. */
export interface CompiledRule<Request> {
  readonly name: string
  readonly resource: Resource
  readonly enforce: boolean
  limitFor(request: Request): Limit
  keyFor(request: Request): string
  /** @throws RequestError where the cost is not one that the limit can count. */
  costFor(request: Request, limit: Limit): number
}

const RATE_FIELDS = ['name', 'by', 'cost', 'enforce', 'limit', 'of', 'algorithm', 'align', 'timeZone']
const CONCURRENCY_FIELDS = ['name', 'by', 'cost', 'enforce', 'concurrent', 'lease']

/**
 * Checks and compiles rules; a rule of several limits becomes several.
 *
 * @throws LimitSyntaxError, TypeError, RangeError that name the rule.
 */
export function compileRules<Request>(
  rules: readonly Rule<Request>[],
  sources: KeySources<Request> | undefined,
): CompiledRule<Request>[] {
  if (!Array.isArray(rules)) throw new TypeError("'rules' is a list such as [{ limit: '10/minute' }]")
  const names = new Set<string>()
  return rules.flatMap((rule, index) => {
    try {
      return compileRule(rule, sources).map((compiled) => ({
        ...compiled,
        name: claimName(names, compiled.name, rule),
      }))
    } catch (error) {
      if (error instanceof Error) error.message = `rules[${index}]: ${error.message}`
      throw error
    }
  })
}

function compileRule<Request>(
  rule: Rule<Request>,
  sources: KeySources<Request> | undefined,
): CompiledRule<Request>[] {
  const inFlight = rule !== null && typeof rule === 'object' && 'concurrent' in rule
  checkFields(rule, inFlight ? CONCURRENCY_FIELDS : RATE_FIELDS)
  const resource = inFlight ? 'concurrent' : (rule.of ?? 'requests')
  if (!inFlight && resource === 'concurrent')
    throw new TypeError('what is in flight is limited by { concurrent: 4 }')
  const keyFor = compileKey(rule.by, sources)
  const costFor = compileCost(rule.cost)
  const limits = inFlight ? [compileConcurrency(rule)] : compileLimits(rule)
  const name = checkName(rule.name ?? resource)
  return limits.map((limitFor) => ({
    name,
    resource,
    enforce: rule.enforce !== false,
    limitFor,
    keyFor,
    costFor,
  }))
}

function compileLimits<Request>(rule: RateRule<Request>): ((request: Request) => Limit)[] {
  const { limit, algorithm, align, timeZone } = rule
  const counting: Counting = {
    ...(algorithm !== undefined && { algorithm }),
    ...(align !== undefined && { align }),
    ...(timeZone !== undefined && { timeZone }),
  }
  if (typeof limit !== 'function') return readLimits(limit, counting).map((fixed) => () => fixed)
  const known = new Map<string, Limit>()
  return [(request) => readOneLimit(limit(request), counting, known)]
}

function readLimits(spec: LimitSpec, counting: Counting): Limit[] {
  if (typeof spec === 'string') return parseLimits(spec, counting)
  if (Object.keys(counting).length > 0) {
    throw new TypeError(
      "'algorithm', 'align' and 'timeZone' go with a limit string; a limit object says them itself",
    )
  }
  return [checkLimit(spec)]
}

/** Distinct limit strings that a rule's function may give before the parsed ones are forgotten. */
const MAX_KNOWN_LIMITS = 1000

function readOneLimit(spec: LimitSpec, counting: Counting, known: Map<string, Limit>): Limit {
  if (typeof spec !== 'string') return readLimits(spec, counting)[0] as Limit
  const before = known.get(spec)
  if (before !== undefined) return before
  const [limit, ...more] = readLimits(spec, counting)
  if (limit === undefined || more.length > 0) {
    throw new TypeError(`a rule's function gives one limit, not '${spec}'; write a rule for each`)
  }
  if (known.size >= MAX_KNOWN_LIMITS) known.clear()
  known.set(spec, limit)
  return limit
}

function compileConcurrency<Request>(rule: ConcurrencyRule<Request>): (request: Request) => Limit {
  const { concurrent } = rule
  const lease = rule.lease === undefined ? DEFAULT_LEASE : parseDuration(rule.lease)
  const limitOf = (limit: number) => checkLimit({ algorithm: 'concurrency', limit, lease })
  if (typeof concurrent === 'function') return (request) => limitOf(concurrent(request))
  const fixed = limitOf(concurrent)
  return () => fixed
}

function compileCost<Request>(
  cost: number | ((request: Request) => number) | undefined,
): (request: Request, limit: Limit) => number {
  if (cost === undefined) return () => 1
  const costOf = typeof cost === 'function' ? cost : () => cost
  return (request, limit) => {
    const units = costOf(request)
    try {
      checkCost(limit, units)
    } catch (error) {
      throw new RequestError(`the cost of this request cannot be counted: ${(error as Error).message}`)
    }
    return units
  }
}

function checkFields(rule: unknown, fields: readonly string[]): void {
  if (rule === null || typeof rule !== 'object') {
    throw new TypeError(`a rule is an object such as { limit: '10/minute' }, not ${String(rule)}`)
  }
  for (const field of Object.keys(rule)) {
    if (!fields.includes(field)) throw new TypeError(`a rule has no '${field}'; it has ${fields.join(', ')}`)
  }
  if (!('limit' in rule) && !('concurrent' in rule)) {
    throw new TypeError("a rule has a 'limit', such as '10/minute', or a number 'concurrent'")
  }
}

function checkName(name: string): string {
  if (typeof name === 'string' && /^[\x20-\x7e]{1,64}$/.test(name)) return name
  throw new TypeError(`a name is 1 to 64 printable ASCII characters, not '${String(name).slice(0, 70)}'`)
}

/** Two rules may not share a name, or they would share their state. Names that nobody chose are numbered. */
function claimName<Request>(taken: Set<string>, name: string, rule: Rule<Request>): string {
  let claimed = name
  for (let number = 2; taken.has(claimed); number++) claimed = `${name}-${number}`
  const joined = 'limit' in rule && typeof rule.limit === 'string' && rule.limit.includes(';')
  if (claimed !== name && rule.name !== undefined && !joined)
    throw new TypeError(`two rules are called '${name}'`)
  taken.add(claimed)
  return claimed
}
