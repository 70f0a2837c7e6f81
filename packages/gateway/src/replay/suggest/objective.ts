import { parseLimits } from 'sluice'
import { TraceError } from '../trace/trace-request.js'

/** What a policy should do, as somebody wishes it. */
export interface Objective {
  readonly refuse: readonly RefusalObjective[]
  readonly admit: readonly AdmissionObjective[]
}

/** So many of their requests may be refused at most. */
export interface RefusalObjective {
  readonly text: string
  /** From 0 to 1. */
  readonly most: number
  readonly whom: Whom
}

export type Whom =
  | { readonly kind: 'all' }
  /** Clients that never send more than `limit` requests in any `period`; or those that do, at some time. */
  | { readonly kind: 'under' | 'over'; readonly limit: number; readonly period: number }
  | { readonly kind: 'client' | 'tier'; readonly name: string }

/** So much may be let in at most in any period. */
export interface AdmissionObjective {
  readonly text: string
  readonly most: number
  readonly period: number
  readonly of: 'requests' | 'tokens' | 'input_tokens' | 'output_tokens'
  /** Each client by itself, or all together. */
  readonly each: boolean
}

const EXAMPLE = 'refuse at most 0.1% of requests of clients under 100/minute; admit at most 2M tokens/minute'

const REFUSE = /^refuse (?:at most|no more than) (\d+(?:\.\d+)?) ?%(?: of (?:all )?requests)?(?: of (.+))?$/i
const ADMIT =
  /^(?:admit (?:at most|no more than)|never admit more than) (\d+(?:\.\d+)?[kMG]?) (requests|tokens|input[_ ]tokens|output[_ ]tokens) ?(?:\/|an?|per) ?(.+?)(?: (in all|(?:per|a|of each) client))?$/i
const CLIENTS = /^clients (under|over) (.+)$/i
const NAMED = /^(client|tier) (.+)$/i

/**
 * Reads a wish: clauses with `;` between them.
 *
 *     refuse at most 0.1% of requests of clients under 100/minute; admit at most 2M tokens/minute
 *
 * - `refuse at most P% of requests`, of all of them, or `of clients under RATE`, `of clients over RATE`, `of client NAME`,
 *   `of tier NAME`;
 * - `admit at most N requests/PERIOD`, or of tokens, input tokens or output tokens, `in all` or `per client`.
 *
 * @throws TraceError that says what is wrong, with an example.
 */
export function parseObjective(text: string): Objective {
  const refuse: RefusalObjective[] = []
  const admit: AdmissionObjective[] = []
  const clauses = text.split(/;|,(?= )/).map((clause) => clause.trim().replaceAll(/\s+/g, ' '))
  for (const clause of clauses.filter((each) => each !== '')) {
    const refusal = REFUSE.exec(clause)
    const admission = ADMIT.exec(clause)
    if (refusal !== null) refuse.push(refuseWish(clause, refusal))
    else if (admission !== null) admit.push(admitWish(clause, admission))
    else throw new TraceError(`'${clause.slice(0, 100)}' is no wish; write for example: ${EXAMPLE}`)
  }
  if (refuse.length + admit.length > 0) return { refuse, admit }
  throw new TraceError(`nothing is wished for; write for example: ${EXAMPLE}`)
}

function refuseWish(text: string, [, percent = '', whom]: RegExpExecArray): RefusalObjective {
  const most = Number(percent) / 100
  if (most > 1) throw new TraceError(`more than 100 % cannot be refused: '${text}'`)
  return { text, most, whom: whom === undefined ? { kind: 'all' } : whomOf(whom) }
}

function whomOf(text: string): Whom {
  const [, side, rate] = CLIENTS.exec(text) ?? []
  if (side !== undefined && rate !== undefined)
    return { kind: side.toLowerCase() as 'under' | 'over', ...rateOf(rate) }
  const [, kind, name] = NAMED.exec(text) ?? []
  if (kind !== undefined && name !== undefined)
    return { kind: kind.toLowerCase() as 'client' | 'tier', name: name.replaceAll(/^['"]|['"]$/g, '') }
  throw new TraceError(
    `'${text.slice(0, 60)}' are no clients; write 'clients under 100/minute', 'clients over 100/minute', 'client NAME' or 'tier NAME'`,
  )
}

function admitWish(
  text: string,
  [, amount = '', of = '', period = '', whose]: RegExpExecArray,
): AdmissionObjective {
  const { limit: most, period: length } = rateOf(`${amount}/${period}`)
  return {
    text,
    most,
    period: length,
    of: of.toLowerCase().replace(' ', '_') as AdmissionObjective['of'],
    each: whose !== undefined && whose.toLowerCase() !== 'in all',
  }
}

/** `100/minute`, `100 a minute`, `100 per 5 minutes`. */
function rateOf(text: string): { limit: number; period: number } {
  try {
    const [rate, ...more] = parseLimits(text.trim().replace(/ (?:requests )?an? /i, ' per '))
    if (
      rate !== undefined &&
      more.length === 0 &&
      rate.algorithm === 'token-bucket' &&
      rate.burst === rate.limit
    )
      return { limit: rate.limit, period: rate.period }
  } catch {}
  throw new TraceError(`'${text.slice(0, 60)}' is no rate; write for example 100/minute`)
}
