import type { IncomingMessage } from 'node:http'
import { UNBOUNDED } from '../../http/body-memory.js'
import { BodyTooLargeError, readBody } from '../../http/read-body.js'
import type { AccessGuard } from '../access-guard.js'
import { type AdminRoute, failure } from '../admin-route.js'
import { AdminActionError } from './action.js'
import type { AuditedAction, AuditLog } from './audit-log.js'

const UNEXPECTED_ERROR = "unexpected error; see the gateway's log; part of the action may have been performed"

/** A kind of actions. */
export interface ActionKind<Action extends AuditedAction> {
  /** Maximum size of the body, in bytes. */
  readonly maxBodyBytes: number
  /**
   * Parses the body of a request.
   *
   * @param name the part of the path that `*` stands for
   * @throws AdminActionError if the action is invalid
   */
  readonly parse: (json: string, name: string) => Action
  /**
   * Performs an action, and returns a description of the change, and other members of the response.
   * Rejects with an AdminActionError if the action cannot be performed.
   *
   * @param by the name of the operator
   */
  readonly perform: (action: Action, by: string) => Promise<{ readonly done: string }>
}

/**
 * Returns the route that performs actions, which are sent as JSON with the admin token. Every
 * action is written to the audit log, including those that are refused or fail.
 */
export function actionEndpoint<Action extends AuditedAction>(
  guard: AccessGuard,
  audit: AuditLog,
  { maxBodyBytes, parse, perform }: ActionKind<Action>,
): AdminRoute {
  return {
    method: 'POST',
    access: 'action',
    async handle({ request, name }) {
      const from = request.socket.remoteAddress ?? 'unknown'
      const denial = guard.denialForAction(request)
      if (denial !== undefined) {
        await audit.writeUnauthorized(from, guard.operatorOf(request)?.name, denial.error)
        return failure(denial.status, denial.error)
      }
      const who = guard.operatorOf(request)?.name ?? 'unknown'
      let action: Action | undefined
      try {
        action = parse(await readJson(request, maxBodyBytes), name)
        const result = await perform(action, who)
        await audit.write({ from, who, act: action, outcome: 'done', detail: result.done })
        return { status: 200, body: { ok: true, ...result } }
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

async function readJson(request: IncomingMessage, maxBytes: number): Promise<string> {
  if (!/^application\/json(;|$)/i.test(request.headers['content-type'] ?? ''))
    throw new AdminActionError('the content type must be application/json', 415)
  try {
    const { bytes } = await readBody(request, { limit: maxBytes, lease: () => UNBOUNDED })
    return bytes.toString('utf8')
  } catch (error) {
    if (error instanceof BodyTooLargeError)
      throw new AdminActionError(`the body must not exceed ${maxBytes} bytes`, 413)
    throw error
  }
}
