import { parseObjective } from '../../../replay/suggest/objective.js'
import { TraceError } from '../../../replay/trace/trace-request.js'

/** The parameters of a replay. */
export interface ReplayRequest {
  /** Length of the replayed period, which ends now, in hours; undefined for the whole record. */
  readonly hours: number | undefined
  /** The YAML of a configuration to compare with the running one. */
  readonly posted: string | undefined
  /** The objective that a suggested limit must meet. */
  readonly objective: ReplayObjective | undefined
}

interface ReplayObjective {
  readonly text: string
  /** The rule to tune. */
  readonly rule: string | undefined
  /** If set, only requests of this route are replayed. */
  readonly route: string | undefined
}

/** Reports an invalid replay request; the message says what would be valid. */
export class ReplayRequestError extends Error {
  override readonly name = 'ReplayRequestError'
}

const PARAMETERS = ['hours', 'suggest', 'rule', 'route']
/** The hours of a leap year. */
const MAX_HOURS = 8784
const MAX_LENGTH = 1000

/**
 * Parses the query and the body of a replay request.
 *
 * @throws ReplayRequestError if a parameter is invalid, or cannot be combined with a body
 */
export function parseReplayRequest(query: URLSearchParams, posted: string): ReplayRequest {
  for (const name of query.keys()) {
    const shown = name.slice(0, 40)
    if (!PARAMETERS.includes(name))
      throw new ReplayRequestError(`unknown parameter '${shown}'; expected ${PARAMETERS.join(', ')}`)
    if (query.getAll(name).length > 1)
      throw new ReplayRequestError(`parameter '${shown}' must appear only once`)
  }
  const objective = parseReplayObjective(query)
  if (objective !== undefined && posted !== '')
    throw new ReplayRequestError("send either 'suggest' or a configuration, not both")
  const hours = query.get('hours')
  return {
    hours: hours === null ? undefined : parseHours(hours),
    posted: posted === '' ? undefined : posted,
    objective,
  }
}

function parseHours(value: string): number {
  const hours = Number(value)
  if (/^\d{1,4}(\.\d{1,6})?$/.test(value) && hours > 0 && hours <= MAX_HOURS) return hours
  throw new ReplayRequestError(
    `'hours' must be a number above 0 and at most ${MAX_HOURS}, such as 6, not '${value.slice(0, 40)}'; omit it to replay everything`,
  )
}

function parseReplayObjective(query: URLSearchParams): ReplayObjective | undefined {
  const text = query.get('suggest') ?? undefined
  const rule = query.get('rule') ?? undefined
  const route = query.get('route') ?? undefined
  for (const [name, value] of Object.entries({ suggest: text, rule, route }))
    if (value !== undefined && value.length > MAX_LENGTH)
      throw new ReplayRequestError(`'${name}' must not exceed ${MAX_LENGTH} characters`)
  if (text === undefined) {
    if (rule === undefined && route === undefined) return undefined
    throw new ReplayRequestError("'rule' and 'route' require 'suggest'")
  }
  try {
    parseObjective(text)
  } catch (error) {
    if (error instanceof TraceError) throw new ReplayRequestError(error.message)
    throw error
  }
  return { text, rule, route }
}
