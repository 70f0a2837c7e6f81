import { z } from 'zod'
import type { AdminAction } from '../api/admin-actions.js'

const route = stringUpTo(1000)
const rule = stringUpTo(64)

const ACTION = z.discriminatedUnion(
  'act',
  [
    z.strictObject({ act: z.literal('shadow'), route, rule, shadow: z.boolean('must be true or false') }),
    z.strictObject({ act: z.literal('limit'), route, rule, limit: stringUpTo(100) }),
    z.strictObject({
      act: z.literal('reset'),
      route: route.optional(),
      rule: rule.optional(),
      key: stringUpTo(1000),
    }),
    z.strictObject({ act: z.literal('undo'), route, rule }),
  ],
  'must be shadow, limit, reset or undo',
)

const EXAMPLE = '{ "act": "undo", "route": …, "rule": … }'

/** Reports to the client why an action cannot be performed. */
export class AdminActionError extends Error {
  override readonly name = 'AdminActionError'

  constructor(
    message: string,
    readonly status: 400 | 404 | 413 | 415 | 503 = 400,
  ) {
    super(message)
  }
}

/**
 * Parses the JSON of an action.
 *
 * @throws AdminActionError if the JSON or the action is invalid
 */
export function parseAction(json: string): AdminAction {
  let value: unknown
  try {
    value = JSON.parse(json)
  } catch {
    throw new AdminActionError(`the body is not valid JSON; expected an action such as ${EXAMPLE}`)
  }
  const result = ACTION.safeParse(value)
  if (result.success) return result.data as AdminAction
  throw new AdminActionError(problemOf(result.error.issues[0]))
}

/** Accepts a string of 1 to `max` characters. The message follows the name of the member. */
function stringUpTo(max: number): z.ZodString {
  const message = `must be a string of 1 to ${max} characters`
  return z.string(message).min(1, message).max(max, message)
}

/** Describes a problem with an action. */
function problemOf(issue: z.core.$ZodIssue | undefined): string {
  if (issue?.code === 'unrecognized_keys') return `unknown member '${issue.keys[0]}'`
  if (issue === undefined || issue.path.length === 0) return `an action must be an object such as ${EXAMPLE}`
  return `'${issue.path.join('.')}' ${issue.message}`
}
