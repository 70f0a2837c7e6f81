import { z } from 'zod'
import { KeyError } from '../../identity/keys/key-error.js'
import { checkId } from '../../identity/keys/key-id.js'
import type { KeyQuery } from '../../identity/keys/key-store.js'
import { AdminActionError, parseWith, reasonSchema, stringUpTo } from '../actions/action.js'

const reason = reasonSchema()
const labelValue = z.union(
  [stringUpTo(256), z.array(stringUpTo(256)).max(100)],
  'must be a string, or a list of strings',
)
const labels = z.record(z.string(), labelValue, 'must be an object such as { "team": "red" }')

const limits = z.record(
  z.string(),
  z.union([z.string(), z.number()], 'must be a limit such as "100/minute", or a multiplier such as 2'),
  'must be an object such as { "requests": "100/minute" }',
)

const CREATION = z.strictObject({
  client: stringUpTo(256),
  tier: stringUpTo(256).optional(),
  labels: labels.optional(),
  limits: limits.optional(),
  expires: stringUpTo(40).optional(),
  reason,
})
const REVOCATION = z.strictObject({ reason })
const ROTATION = z.strictObject({ grace: stringUpTo(40).optional(), reason })
const LABELLING = z.strictObject({
  labels: z.record(z.string(), labelValue.nullable(), 'must be an object such as { "team": "red" }'),
  reason,
})

/** Parses the bodies of changes to keys. Each throws an AdminActionError for an invalid one. */
export const PARSERS = {
  create: (json: string) => ({
    act: 'create-key' as const,
    ...withoutUndefined(parseWith(CREATION, json, 'a key', '{ "client": "acme", "reason": … }')),
  }),
  revoke: (json: string, id: string) => ({
    ...{ act: 'revoke-key' as const, id: parseId(id) },
    ...parseWith(REVOCATION, json, 'a change', '{ "reason": "leaked, ticket 4711" }'),
  }),
  rotate: (json: string, id: string) => ({
    ...{ act: 'rotate-key' as const, id: parseId(id) },
    ...withoutUndefined(parseWith(ROTATION, json, 'a change', '{ "grace": "24h", "reason": … }')),
  }),
  label: (json: string, id: string) => ({
    ...{ act: 'label-key' as const, id: parseId(id) },
    ...parseWith(LABELLING, json, 'a change', '{ "labels": { "team": "red" }, "reason": … }'),
  }),
}

/** Checks an ID before the action is audited, since an operator may write the key in its place. */
function parseId(id: string): string {
  try {
    return checkId(id)
  } catch (error) {
    throw error instanceof KeyError ? new AdminActionError(error.message) : error
  }
}

type Defined<T> = { [Name in keyof T]: Exclude<T[Name], undefined> }

/** Narrows the type of parsed JSON, which contains no undefined members. */
function withoutUndefined<T extends object>(parsed: T): Defined<T> {
  return parsed as Defined<T>
}

const DEFAULT_LIMIT = 100
const MAX_LIMIT = 500
const MAX_SEARCH = 256

/**
 * Parses the parameters of a list of keys.
 *
 * @throws AdminActionError for an invalid one
 */
export function parseKeyQuery(query: URLSearchParams): KeyQuery {
  const value = (name: string) => {
    const found = query.get(name) ?? ''
    if (found.length > MAX_SEARCH)
      throw new AdminActionError(`'${name}' must have at most ${MAX_SEARCH} characters`)
    return found === '' ? undefined : found
  }
  const limit = Number(query.get('limit') ?? DEFAULT_LIMIT)
  if (!Number.isInteger(limit) || limit < 1 || limit > MAX_LIMIT)
    throw new AdminActionError(`'limit' must be a whole number from 1 to ${MAX_LIMIT}`)
  const [, name, labelled] = /^([^=]+)(?:=(.*))?$/.exec(value('label') ?? '') ?? []
  return {
    ...{ client: value('client'), text: value('q'), after: value('after'), limit },
    ...(name !== undefined && { label: { name, value: labelled } }),
  }
}
