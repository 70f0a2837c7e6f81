import { parseObjective } from '../../../replay/suggest/objective.js'
import { TraceError } from '../../../replay/trace/trace-request.js'

/** What is asked of the record. */
export interface ReplayQuestion {
  /** How far back; undefined: all that was recorded. */
  readonly hours: number | undefined
  /** The text of another configuration, which is set beside the one that runs. */
  readonly posted: string | undefined
  /** What a limit should grant that is searched for. */
  readonly wish: WishForRule | undefined
}

interface WishForRule {
  readonly text: string
  /** Whose limit is searched for. With a route, its requests alone are played. */
  readonly rule: string | undefined
  readonly route: string | undefined
}

/** What is asked cannot be answered as it is. The message says what would be right. */
export class QuestionError extends Error {
  override readonly name = 'QuestionError'
}

const KNOWN = ['hours', 'suggest', 'rule', 'route']
/** A year. */
const MAX_HOURS = 8784
const LONGEST = 1000

/** @throws QuestionError */
export function readQuestion(query: URLSearchParams, posted: string): ReplayQuestion {
  for (const name of query.keys())
    if (!KNOWN.includes(name) || query.getAll(name).length > 1)
      throw new QuestionError(
        `'${name.slice(0, 40)}' is not asked for, or twice: there are ${KNOWN.join(', ')}`,
      )
  const wish = readWishFor(query)
  if (wish !== undefined && posted !== '')
    throw new QuestionError('a wish and another configuration are two questions: ask one')
  const hours = query.get('hours')
  return {
    hours: hours === null ? undefined : hoursOf(hours),
    posted: posted === '' ? undefined : posted,
    wish,
  }
}

function hoursOf(text: string): number {
  const hours = Number(text)
  if (/^\d{1,4}(\.\d{1,6})?$/.test(text) && hours > 0 && hours <= MAX_HOURS) return hours
  throw new QuestionError(
    `'hours' is a number such as 6, above 0 and up to ${MAX_HOURS}, not '${text.slice(0, 40)}'; without it all is played`,
  )
}

function readWishFor(query: URLSearchParams): WishForRule | undefined {
  const text = query.get('suggest') ?? undefined
  const rule = query.get('rule') ?? undefined
  const route = query.get('route') ?? undefined
  for (const [name, said] of Object.entries({ suggest: text, rule, route }))
    if (said !== undefined && said.length > LONGEST) throw new QuestionError(`'${name}' is too long`)
  if (text === undefined) {
    if (rule === undefined && route === undefined) return undefined
    throw new QuestionError("'rule' and 'route' go with 'suggest': they say whose limit is searched for")
  }
  try {
    parseObjective(text)
  } catch (error) {
    if (error instanceof TraceError) throw new QuestionError(error.message)
    throw error
  }
  return { text, rule, route }
}
