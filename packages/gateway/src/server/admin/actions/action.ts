import { z } from 'zod'
import type { Act } from '../api/live-types.js'

const route = z.string().min(1).max(1000)
const rule = z.string().min(1).max(64)

const ACT = z.discriminatedUnion('act', [
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

/** An act that cannot be done, and why, for whoever wanted it. */
export class ActError extends Error {
  override readonly name = 'ActError'

  constructor(
    message: string,
    readonly status: 400 | 404 | 413 | 415 | 503 = 400,
  ) {
    super(message)
  }
}

/** @throws ActError that says what would be right. */
export function parseAct(text: string): Act {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw new ActError('this is not JSON; write for example { "act": "undo", "route": …, "rule": … }')
  }
  const result = ACT.safeParse(value)
  if (result.success) return result.data as Act
  const [issue] = result.error.issues
  const place = issue?.path.join('.')
  throw new ActError(
    `${place ? `'${place}': ` : ''}${issue?.message}; an act is shadow, limit, reset or undo`,
  )
}
