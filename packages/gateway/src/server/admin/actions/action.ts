import { z } from 'zod'
import type { AdminAction } from '../api/admin-actions.js'

const route = z.string().min(1).max(1000)
const rule = z.string().min(1).max(64)

const ACTION = z.discriminatedUnion('act', [
  z.strictObject({ act: z.literal('shadow'), route, rule, shadow: z.boolean() }),
  z.strictObject({ act: z.literal('limit'), route, rule, limit: z.string().min(1).max(100) }),
  z.strictObject({
    act: z.literal('reset'),
    route: route.optional(),
    rule: rule.optional(),
    key: z.string().min(1).max(1000),
  }),
  z.strictObject({ act: z.literal('undo'), route, rule }),
])

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
    throw new AdminActionError(
      'the body is not valid JSON; expected an action such as { "act": "undo", "route": …, "rule": … }',
    )
  }
  const result = ACTION.safeParse(value)
  if (result.success) return result.data as AdminAction
  const [issue] = result.error.issues
  const member = issue?.path.join('.')
  throw new AdminActionError(
    `${member ? `'${member}': ` : ''}${issue?.message}; 'act' must be shadow, limit, reset or undo`,
  )
}
