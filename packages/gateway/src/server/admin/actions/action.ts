import { z } from 'zod'
import { MAX_CLIENT_LENGTH, MAX_REASON_LENGTH } from '../../../policy/acts/act.js'
import type { AdminAction } from '../api/admin-actions.js'

const route = stringUpTo(1000)
const rule = stringUpTo(64)
const client = stringUpTo(MAX_CLIENT_LENGTH)
const limit = stringUpTo(100)
const common = { reason: reasonSchema() }
const ending = { until: stringUpTo(40).optional(), for: stringUpTo(40).optional() }
const target = { client: client.optional(), address: stringUpTo(100).optional() }

const ACTION = z.discriminatedUnion(
  'act',
  [
    z.strictObject({ act: z.literal('block'), ...target, ...ending, ...common }),
    z.strictObject({ act: z.literal('unblock'), ...target, ...common }),
    z.strictObject({
      act: z.literal('override'),
      client,
      route: route.optional(),
      rule: rule.optional(),
      scale: z.number('must be a number such as 2').optional(),
      limit: limit.optional(),
      ...ending,
      ...common,
    }),
    z.strictObject({
      act: z.literal('shadow'),
      route,
      rule,
      shadow: z.boolean('must be true or false'),
      ...ending,
      ...common,
    }),
    z.strictObject({ act: z.literal('limit'), route, rule, limit, ...ending, ...common }),
    z.strictObject({
      act: z.literal('reset'),
      route: route.optional(),
      rule: rule.optional(),
      key: stringUpTo(1000),
      ...common,
    }),
    z.strictObject({ act: z.literal('forget'), client, ...common }),
    z.strictObject({
      act: z.literal('undo'),
      id: stringUpTo(64).optional(),
      route: route.optional(),
      rule: rule.optional(),
      ...common,
    }),
  ],
  'must be block, unblock, override, shadow, limit, reset, forget or undo',
)

type Parsed = z.infer<typeof ACTION>

const EXAMPLE = '{ "act": "block", "client": …, "reason": … }'

/** Reports to the client why an action cannot be performed. */
export class AdminActionError extends Error {
  override readonly name = 'AdminActionError'

  constructor(
    message: string,
    readonly status: 400 | 404 | 409 | 413 | 415 | 503 = 400,
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
  const action = parseWith(ACTION, json, 'an action', EXAMPLE)
  checkMembers(action)
  return action as AdminAction
}

/**
 * Parses JSON that a schema accepts.
 *
 * @param kind what the body should be
 * @param example an example of it
 * @throws AdminActionError for other JSON
 */
export function parseWith<T>(schema: z.ZodType<T>, json: string, kind: string, example: string): T {
  let value: unknown
  try {
    value = JSON.parse(json)
  } catch {
    throw new AdminActionError(`the body is not valid JSON; expected ${kind} such as ${example}`)
  }
  const result = schema.safeParse(value)
  if (!result.success) throw new AdminActionError(problemOf(result.error.issues[0], kind, example))
  return result.data
}

/** Checks members that depend on each other. */
function checkMembers(action: Parsed): void {
  if ('until' in action && action.until !== undefined && action.for !== undefined)
    throw new AdminActionError("write either 'until' or 'for', not both")
  switch (action.act) {
    case 'block':
    case 'unblock':
      if ((action.client === undefined) === (action.address === undefined))
        throw new AdminActionError("write either 'client' or 'address'")
      return
    case 'override':
      if ((action.scale === undefined) === (action.limit === undefined))
        throw new AdminActionError("write either 'scale', such as 2, or 'limit', such as 20/minute")
      if (action.rule === undefined && (action.limit !== undefined || action.route !== undefined))
        throw new AdminActionError(
          `'${action.limit === undefined ? 'route' : 'limit'}' requires 'rule'; 'scale' alone changes every rule that counts by client`,
        )
      return
    case 'undo': {
      const isRule = action.route !== undefined && action.rule !== undefined
      const isId = action.id !== undefined && action.route === undefined && action.rule === undefined
      if (!isId && !(isRule && action.id === undefined))
        throw new AdminActionError("write either 'id', or 'route' and 'rule'")
      // The audit log contains the ID, so nothing else may be written in its place, such as a key.
      if (action.id !== undefined && !/^[0-9a-f]+$/i.test(action.id))
        throw new AdminActionError(
          "'id' must be the hexadecimal digits of an act, which `sluice act list` shows",
        )
    }
  }
}

/** Accepts a string of 1 to `max` characters. The message follows the name of the member. */
export function stringUpTo(max: number): z.ZodString {
  const message = `must be a string of 1 to ${max} characters`
  return z.string(message).min(1, message).max(max, message)
}

/** The schema of the reason that every action needs. */
export function reasonSchema() {
  return z
    .string(`is required, in 1 to ${MAX_REASON_LENGTH} characters, such as "abuse, ticket 4711"`)
    .trim()
    .pipe(stringUpTo(MAX_REASON_LENGTH))
}

/** Describes a problem with an action. */
function problemOf(issue: z.core.$ZodIssue | undefined, kind: string, example: string): string {
  if (issue?.code === 'unrecognized_keys') return `unknown member '${issue.keys[0]}'`
  if (issue === undefined || issue.path.length === 0) return `${kind} must be an object such as ${example}`
  return `'${issue.path.join('.')}' ${issue.message}`
}
