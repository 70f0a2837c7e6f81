import type { IncomingMessage } from 'node:http'
import { UNBOUNDED } from '../../http/body-memory.js'
import { BodyTooLargeError, readBody } from '../../http/read-body.js'
import type { AccessGuard } from '../access-guard.js'
import { type AdminRoute, failure } from '../admin-route.js'
import type { AdminAction } from '../api/admin-actions.js'
import { AdminActionError, parseAction } from './action.js'
import type { AuditLog } from './audit-log.js'

/** Maximum size of an action's body, in bytes. */
const MAX_BODY_BYTES = 4096
const UNEXPECTED_ERROR = "unexpected error; see the gateway's log; part of the action may have been performed"

/**
 * Returns the route that performs actions, which are sent as JSON with the admin token. Every
 * action is written to the audit log, including those that are refused or fail.
 *
 * @param perform performs an action and describes the change; rejects with an AdminActionError if
 *   it cannot be performed
 */
export function actionEndpoint(
  guard: AccessGuard,
  audit: AuditLog,
  perform: (action: AdminAction, by: string) => Promise<string>,
): AdminRoute {
  return {
    method: 'POST',
    access: 'action',
    async handle({ request }) {
      const from = request.socket.remoteAddress ?? 'unknown'
      const denial = guard.denialForAction(request)
      if (denial !== undefined) {
        await audit.writeUnauthorized(from, guard.operatorOf(request)?.name, denial.error)
        return failure(denial.status, denial.error)
      }
      const who = guard.operatorOf(request)?.name ?? 'unknown'
      let action: AdminAction | undefined
      try {
        action = await readAction(request)
        const done = await perform(action, who)
        await audit.write({ from, who, act: action, outcome: 'done', detail: done })
        return { status: 200, body: { ok: true, done } }
      } catch (error) {
        if (!(error instanceof AdminActionError)) {
          if (action !== undefined)
            await audit.write({ from, who, act: action, outcome: 'failed', detail: UNEXPECTED_ERROR })
          throw error
        }
        await audit.write({ from, who, act: action, outcome: 'refused', detail: error.message })
        return failure(error.status, error.message)
      }
    },
  }
}

async function readAction(request: IncomingMessage): Promise<AdminAction> {
  if (!/^application\/json(;|$)/i.test(request.headers['content-type'] ?? ''))
    throw new AdminActionError('the content type must be application/json', 415)
  try {
    const { bytes } = await readBody(request, {
      limit: MAX_BODY_BYTES,
      lease: () => UNBOUNDED,
    })
    return parseAction(bytes.toString('utf8'))
  } catch (error) {
    if (error instanceof BodyTooLargeError)
      throw new AdminActionError(`the body must not exceed ${MAX_BODY_BYTES} bytes`, 413)
    throw error
  }
}
