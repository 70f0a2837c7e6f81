import type { ClientLimit } from '../../../policy/client-limits.js'
import { UnreadableFileError } from '../../../policy/config/files/bounded-read.js'
import { ConfigError } from '../../../policy/config/load-config.js'
import { KeyError } from '../../identity/keys/key-error.js'
import { clientLimitsOf } from '../../identity/keys/key-limits.js'
import type { KeyStore, ListedKey } from '../../identity/keys/key-store.js'
import { parseGrace } from '../../identity/keys/moment.js'
import type { AccessGuard } from '../access-guard.js'
import { AdminActionError } from '../actions/action.js'
import { type ActionKind, actionEndpoint } from '../actions/action-endpoint.js'
import type { AuditLog } from '../actions/audit-log.js'
import { type AdminResponse, type AdminRoute, failure } from '../admin-route.js'
import type { KeyAction, KeyChange, KeyList } from '../api/admin-keys.js'
import { PARSERS, parseKeyQuery } from './key-request.js'

/** Maximum size of a body, in bytes. */
const MAX_BODY_BYTES = 65_536

export interface KeySources {
  /** Returns the keys of the configuration; undefined if it has none. */
  readonly store: () => KeyStore | undefined
  readonly kept: () => KeyList['kept']
  /** Puts a change into effect on this gateway at once. */
  readonly refresh: () => Promise<void>
  /** Explains why limits do not fit the configuration; undefined if they do. */
  readonly unfit: (limits: readonly ClientLimit[]) => string | undefined
}

/** Returns the routes that list and change keys. */
export function keyRoutes(
  { store, kept, refresh, unfit }: KeySources,
  guard: AccessGuard,
  audit: AuditLog,
): ReadonlyMap<string, AdminRoute> {
  const change = <Action extends KeyAction>(
    parse: ActionKind<Action>['parse'],
    perform: (keys: KeyStore, action: Action, by: string) => Promise<Omit<KeyChange, 'ok'>>,
  ) =>
    actionEndpoint<Action>(guard, audit, {
      ...{ maxBodyBytes: MAX_BODY_BYTES, parse },
      perform: async (action, by) => {
        const result = await asActionErrors(() => perform(openStore(store), action, by))
        await refresh()
        return result
      },
    })
  return new Map<string, AdminRoute>([
    [
      '/api/keys',
      {
        access: 'data',
        handle: ({ query }) =>
          asResponse(async (): Promise<KeyList> => {
            const parsed = parseKeyQuery(query)
            const page = await store()?.list(parsed)
            return { kept: kept(), ...(page ?? { keys: [] }) }
          }),
      },
    ],
    [
      '/api/keys/*',
      { access: 'data', handle: ({ name }) => asResponse(async () => openStore(store).find(name)) },
    ],
    [
      'POST /api/keys',
      change(PARSERS.create, async (keys, { act: _, reason: __, ...properties }, by) => {
        const problem = unfit(clientLimitsOf(properties.client, properties.limits))
        if (problem !== undefined) throw new AdminActionError(`the key was not created: ${problem}`)
        const { key, listed } = await keys.create(properties, by)
        return { done: `key ${nameOf(listed)} created`, listed, key }
      }),
    ],
    [
      '/api/keys/*/revoke',
      change(PARSERS.revoke, async (keys, { id }) => {
        const listed = await keys.revoke(id)
        return { done: `key ${nameOf(listed)} revoked`, listed }
      }),
    ],
    [
      '/api/keys/*/rotate',
      change(PARSERS.rotate, async (keys, { id, grace }, by) => {
        const { key, listed, replaced } = await keys.rotate(id, parseGrace(grace), by)
        const ends = new Date(replaced.expires ?? 0).toISOString()
        return {
          done: `key ${nameOf(listed)} replaces ${replaced.id}, which expires at ${ends}`,
          ...{ listed, key },
        }
      }),
    ],
    [
      '/api/keys/*/label',
      change(PARSERS.label, async (keys, { id, labels }) => {
        const listed = await keys.label(id, labels)
        return { done: `labels of key ${nameOf(listed)} changed`, listed }
      }),
    ],
  ])
}

function openStore(store: KeySources['store']): KeyStore {
  const opened = store()
  if (opened !== undefined) return opened
  throw new AdminActionError(
    "this gateway keeps no API keys; set 'identity.api_keys' to a file, or to 'store'",
    404,
  )
}

function nameOf({ id, client }: ListedKey): string {
  return `${id} of client ${client}`
}

async function asResponse(read: () => Promise<object>): Promise<AdminResponse> {
  try {
    return { status: 200, body: await asActionErrors(read) }
  } catch (error) {
    if (error instanceof AdminActionError) return failure(error.status, error.message)
    throw error
  }
}

const STATUSES = { invalid: 400, missing: 404, conflict: 409, unavailable: 503 } as const

/** Reports failures that an operator can do something about. */
async function asActionErrors<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof KeyError) throw new AdminActionError(error.message, STATUSES[error.kind])
    if (error instanceof ConfigError) throw new AdminActionError(error.message, 409)
    const isFileError = error instanceof UnreadableFileError || (error instanceof Error && 'syscall' in error)
    if (isFileError) throw new AdminActionError(`the keys file cannot be used: ${error.message}`, 503)
    throw error
  }
}
