import type { IncomingMessage } from 'node:http'
import { UNBOUNDED } from '../../http/body-memory.js'
import { BodyTooLargeError, readBody } from '../../http/read-body.js'
import type { Guard } from '../access-guard.js'
import type { Answer, Page } from '../admin-route.js'
import type { Act } from '../api/live-types.js'
import { ActError, parseAct } from './action.js'
import type { AuditLog } from './audit-log.js'

/** An act is a few words, in bytes. */
const MAX_ACT = 4096
const FAILED = 'a fault of the gateway, which its log tells of; some of it may have been done'

/**
 * Where acts are sent to: as JSON, with the admin token. Each is kept in the audit log, those that are refused or fail too.
 *
 * @param perform does one and says what was done; throws ActError, or rejects with it
 */
export function actionEndpoint(guard: Guard, audit: AuditLog, perform: (act: Act) => Promise<string>): Page {
  return {
    method: 'POST',
    access: 'act',
    async answer({ request }) {
      const from = request.socket.remoteAddress ?? 'unknown'
      const denial = guard.deniesAct(request)
      if (denial !== undefined) {
        await audit.tellStranger(from, denial.error)
        return refusal(denial.status, denial.error)
      }
      let act: Act | undefined
      try {
        act = await readAct(request)
        const done = await perform(act)
        await audit.tell({ from, act, outcome: 'done', detail: done })
        return { status: 200, body: { ok: true, done } }
      } catch (error) {
        if (!(error instanceof ActError)) {
          if (act !== undefined) await audit.tell({ from, act, outcome: 'failed', detail: FAILED })
          throw error
        }
        await audit.tell({ from, act, outcome: 'refused', detail: error.message })
        return refusal(error.status, error.message)
      }
    },
  }
}

async function readAct(request: IncomingMessage): Promise<Act> {
  if (!/^application\/json(;|$)/i.test(request.headers['content-type'] ?? ''))
    throw new ActError('an act is sent as application/json', 415)
  try {
    const { bytes } = await readBody(request, {
      limit: MAX_ACT,
      proceed: () => {},
      lease: () => UNBOUNDED,
    })
    return parseAct(bytes.toString('utf8'))
  } catch (error) {
    if (error instanceof BodyTooLargeError) throw new ActError('an act is a few words', 413)
    throw error
  }
}

function refusal(status: number, error: string): Answer {
  return { status, body: { error } }
}
