import type { ProblemDetails, RewrittenProblem } from 'sluice/http'

/** A replacement of the gateway's own answers, as configured. */
export interface AnswerTemplate {
  readonly status?: number
  /** A string with placeholders. */
  readonly detail?: string
  /** A JSON value. Its strings have placeholders. */
  readonly body?: JsonTemplate
}

export type JsonTemplate =
  | string
  | number
  | boolean
  | null
  | readonly JsonTemplate[]
  | { readonly [name: string]: JsonTemplate }

/** Templates by the status of the answer or `NO_RETRY`. */
export type AnswerTemplates = Readonly<Record<string, AnswerTemplate>>

/** The key of the template for refusals that a client should not retry. */
export const NO_RETRY = 'no_retry'

type Value = string | number | null

/** The placeholders of templates, such as `{detail}`, and their values. */
const VALUES: Readonly<Record<string, (details: ProblemDetails, requestId: string | undefined) => Value>> = {
  status: ({ status }) => status,
  title: ({ title }) => title,
  detail: ({ detail }) => detail,
  reason: ({ refusal }) => refusal?.reason ?? null,
  rule: ({ refusal }) => refusal?.rule ?? null,
  limit: ({ members }) => (typeof members.limit === 'string' ? members.limit : null),
  retry_after: ({ members }) => {
    const seconds = members['retry-after']
    return typeof seconds === 'number' ? seconds : null
  },
  request_id: (_, requestId) => requestId ?? null,
}

export const PLACEHOLDERS: readonly string[] = Object.keys(VALUES)

const PLACEHOLDER = /\{([a-z_]+)\}/g

/** Lists the names of placeholders in a template that do not exist. */
export function unknownPlaceholders(template: JsonTemplate): string[] {
  if (typeof template === 'string')
    return [...template.matchAll(PLACEHOLDER)].map(([, name]) => name ?? '').filter((name) => !isKnown(name))
  if (template === null || typeof template !== 'object') return []
  return Object.entries(template).flatMap(([key, value]) => [
    ...(Array.isArray(template) ? [] : unknownPlaceholders(key)),
    ...unknownPlaceholders(value),
  ])
}

function isKnown(name: string): boolean {
  return Object.hasOwn(VALUES, name)
}

/**
 * Creates the function that replaces answers.
 *
 * @param maxRetryWaitMs the wait above which a client should not retry. Default: a minute
 * @returns undefined if there are no templates
 */
export function answerRewriter(
  templates: AnswerTemplates,
  maxRetryWaitMs = 60_000,
): ((details: ProblemDetails, requestId: string | undefined) => RewrittenProblem) | undefined {
  if (Object.keys(templates).length === 0) return undefined
  return (details, requestId) => {
    const isFinal = details.refusal !== undefined && details.refusal.retryAfter > maxRetryWaitMs
    const template = (isFinal ? templates[NO_RETRY] : undefined) ?? templates[String(details.status)]
    if (template === undefined) return details
    const { status = details.status, detail, body } = template
    const values = (name: string) => VALUES[name]?.(details, requestId) ?? null
    return {
      status,
      detail: detail === undefined ? details.detail : fillText(detail, values),
      ...(body !== undefined && { body: JSON.stringify(fill(body, values)) }),
    }
  }
}

type Values = (name: string) => Value

function fill(template: JsonTemplate, values: Values): JsonTemplate {
  if (typeof template === 'string') {
    // A string that is a single placeholder has the type of its value.
    const [, sole] = /^\{([a-z_]+)\}$/.exec(template) ?? []
    return sole === undefined ? fillText(template, values) : values(sole)
  }
  if (template === null || typeof template !== 'object') return template
  if (Array.isArray(template)) return template.map((value: JsonTemplate) => fill(value, values))
  return Object.fromEntries(
    Object.entries(template).map(([name, value]) => [name, fill(value as JsonTemplate, values)]),
  )
}

function fillText(template: string, values: Values): string {
  return template.replace(PLACEHOLDER, (_, name: string) => String(values(name) ?? ''))
}
