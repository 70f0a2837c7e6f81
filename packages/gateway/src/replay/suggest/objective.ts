import { parseLimits } from 'sluice'
import { TraceError } from '../trace/trace-request.js'

/** The bounds that a policy must meet. */
export interface Objective {
  readonly refuse: readonly RefusalObjective[]
  readonly admit: readonly AdmissionObjective[]
}

/** A bound on the fraction of requests that are refused. */
export interface RefusalObjective {
  readonly text: string
  /** From 0 to 1. */
  readonly max: number
  readonly clients: ClientFilter
}

export type ClientFilter =
  | { readonly kind: 'all' }
  /**
   * Clients that never exceed `limit` requests per `period`, or clients that exceed it at some
   * time.
   */
  | { readonly kind: 'under' | 'over'; readonly limit: number; readonly period: number }
  | { readonly kind: 'client' | 'tier'; readonly name: string }

/** A bound on the amount admitted in any period. */
export interface AdmissionObjective {
  readonly text: string
  readonly max: number
  readonly period: number
  /** Money is counted in units of 10^-9 of `currency`. */
  readonly of: 'requests' | 'tokens' | 'input_tokens' | 'output_tokens' | 'money'
  /** Set for money. */
  readonly currency?: string
  /** True if the bound applies to each client separately rather than to all clients together. */
  readonly each: boolean
}

const EXAMPLE = 'refuse at most 0.1% of requests of clients under 100/minute; admit at most 2M tokens/minute'

const REFUSE = /^refuse (?:at most|no more than) (\d+(?:\.\d+)?) ?%(?: of (?:all )?requests)?(?: of (.+))?$/i
const ADMIT =
  /^(?:admit (?:at most|no more than)|never admit more than) (\d+(?:\.\d+)?[kMG]?) (requests|tokens|input[_ ]tokens|output[_ ]tokens|[A-Z]{3}) ?(?:\/|an?|per) ?(.+?)(?: (in all|(?:per|a|of each) client))?$/i
const CLIENTS = /^clients (under|over) (.+)$/i
const NAMED = /^(client|tier) (.+)$/i

/**
 * Parses an objective: clauses separated by `;`.
 *
 *     refuse at most 0.1% of requests of clients under 100/minute; admit at most 2M tokens/minute
 *
 * - `refuse at most P% of requests` covers all requests, unless it ends with `of clients under
 *   RATE`, `of clients over RATE`, `of client NAME` or `of tier NAME`;
 * - `admit at most N requests/PERIOD`, or `tokens`, `input tokens`, `output tokens` or a currency
 *   such as `USD` instead of `requests`, applies `in all` (the default) or `per client`.
 *
 * @throws TraceError if the objective is invalid
 */
export function parseObjective(text: string): Objective {
  const refuse: RefusalObjective[] = []
  const admit: AdmissionObjective[] = []
  const clauses = text.split(/;|,(?= )/).map((clause) => clause.trim().replaceAll(/\s+/g, ' '))
  for (const clause of clauses.filter((each) => each !== '')) {
    const refusal = REFUSE.exec(clause)
    const admission = ADMIT.exec(clause)
    if (refusal !== null) refuse.push(refusalObjective(clause, refusal))
    else if (admission !== null) admit.push(admissionObjective(clause, admission))
    else
      throw new TraceError(
        `'${clause.slice(0, 100)}' is not a valid objective; write, for example, ${EXAMPLE}`,
      )
  }
  if (refuse.length + admit.length > 0) return { refuse, admit }
  throw new TraceError(`the objective is empty; write, for example, ${EXAMPLE}`)
}

function refusalObjective(text: string, [, percent = '', clients]: RegExpExecArray): RefusalObjective {
  const max = Number(percent) / 100
  if (max > 1) throw new TraceError(`the percentage must be at most 100, not ${percent}, in '${text}'`)
  return { text, max, clients: clients === undefined ? { kind: 'all' } : clientFilterOf(clients) }
}

function clientFilterOf(text: string): ClientFilter {
  const [, side, rate] = CLIENTS.exec(text) ?? []
  if (side !== undefined && rate !== undefined)
    return { kind: side.toLowerCase() as 'under' | 'over', ...rateOf(rate) }
  const [, kind, name] = NAMED.exec(text) ?? []
  if (kind !== undefined && name !== undefined)
    return { kind: kind.toLowerCase() as 'client' | 'tier', name: name.replaceAll(/^['"]|['"]$/g, '') }
  throw new TraceError(
    `expected 'clients under 100/minute', 'clients over 100/minute', 'client NAME' or 'tier NAME' instead of '${text.slice(0, 60)}'`,
  )
}

function admissionObjective(
  text: string,
  [, amount = '', of = '', period = '', scope]: RegExpExecArray,
): AdmissionObjective {
  const currency = ['tokens', 'requests'].some((name) => of.toLowerCase().endsWith(name))
    ? undefined
    : of.toUpperCase()
  const unit = currency === undefined ? '' : ` ${currency}`
  const { limit: max, period: periodMs } = rateOf(`${amount}${unit}/${period}`)
  return {
    text,
    max,
    period: periodMs,
    of: currency === undefined ? (of.toLowerCase().replace(' ', '_') as AdmissionObjective['of']) : 'money',
    ...(currency !== undefined && { currency }),
    each: scope !== undefined && scope.toLowerCase() !== 'in all',
  }
}

/** Parses a rate: `100/minute`, `100 a minute`, `100 per 5 minutes`. */
function rateOf(text: string): { limit: number; period: number } {
  try {
    const [rate, ...more] = parseLimits(text.trim().replace(/ (?:requests )?an? /i, ' per '))
    if (
      rate !== undefined &&
      more.length === 0 &&
      (rate.algorithm === 'fixed-window' || (rate.algorithm === 'token-bucket' && rate.burst === rate.limit))
    )
      return { limit: rate.limit, period: rate.period }
  } catch {}
  throw new TraceError(`'${text.slice(0, 60)}' is not a valid rate; write, for example, 100/minute`)
}
