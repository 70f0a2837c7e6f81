import { printable } from '../policy/terminal-text.js'
import type { ActList, AdminAction, ListedAct } from '../server/admin/api/admin-actions.js'
import { type AdminAddress, exitCodeOf, requestAdmin, requireToken } from './admin-client.js'
import type { Output } from './check-command.js'

/** How a command reaches the gateway, and where it prints. */
export interface ActClient extends AdminAddress {
  readonly output: Output
}

/** Performs an action, and prints what changed. @returns the exit code */
export function performAct(client: ActClient, action: AdminAction): Promise<number> {
  return exitCodeOf(client.output, async () => {
    requireToken(client.token)
    const init = { method: 'POST', body: JSON.stringify(action) }
    const isDone = ({ done }: { done?: unknown }) => typeof done === 'string'
    const { done } = await requestAdmin<{ done: string }>(client, '/api/actions', init, isDone)
    client.output.out.write(`${done}\n`)
  })
}

/** Prints the acts in effect. @returns the exit code */
export function listActs(client: ActClient, asJson: boolean): Promise<number> {
  return exitCodeOf(client.output, async () => {
    const isList = ({ acts }: Partial<ActList>) => Array.isArray(acts)
    const list = await requestAdmin<ActList>(client, '/api/acts/current', {}, isList)
    const { out, err } = client.output
    if (asJson) out.write(`${JSON.stringify(list)}\n`)
    else for (const line of linesOf(list)) out.write(`${line}\n`)
    if (list.failure !== undefined) err.write(`the list may be out of date: ${list.failure}\n`)
  })
}

function linesOf({ acts, kept }: ActList): string[] {
  if (acts.length === 0) return ['no acts are in effect']
  const note = kept === 'memory' ? ["acts end with the gateway; name a file in 'state' to keep them"] : []
  return [...acts.map(lineOf), ...note]
}

function lineOf({ id, change, by, reason, until, problem }: ListedAct): string {
  const end = until === undefined ? '' : ` until ${new Date(until).toISOString()}`
  const noEffect = problem === undefined ? '' : ` [no effect: ${problem}]`
  return printable(`${id}  ${change}${end} (${by}: ${reason})${noEffect}`)
}
