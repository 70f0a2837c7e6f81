import { isOptionError, type Store, StoreUnavailableError } from 'sluice'
import type { ClientList } from '../../../policy/acts/access-list.js'
import { type Act, type ActChange, actId, type BlockTarget, blockedName } from '../../../policy/acts/act.js'
import { canonicalNetwork } from '../../../policy/acts/network-map.js'
import { countsByClient } from '../../../policy/client-limits.js'
import { ActsUnavailableError, TooManyActsError } from '../../acts/act-registry.js'
import type { AdminAction } from '../api/admin-actions.js'
import { keyOfClient } from '../live/key-labels.js'
import type { KnownClients } from '../live/known-clients.js'
import type { RuleView } from '../live/rule-view.js'
import { AdminActionError } from './action.js'
import { endOf } from './ending.js'
import { findClientRule, findRule, findRules, parseLimit, targetOf } from './rule-lookup.js'

/** The acts in effect, and how they change. */
export interface ActChanges {
  /** Stores a change and puts it into effect. Rejects with the errors of `edit`, and its own. */
  change(edit: (acts: readonly Act[]) => readonly Act[]): Promise<void>
  /** Checks whether an act fits the rules. @throws OptionError if a rule rejects it */
  check(act: Act): void
}

export interface OperatorActionsOptions {
  readonly view: RuleView
  /** The clients that sent requests recently. */
  readonly known: Pick<KnownClients, 'find'>
  readonly store: Store
  readonly acts: ActChanges
  /** Erases a client, and says what was removed. Rejects with an AdminActionError if it cannot. */
  readonly forget: (client: string) => Promise<string>
  /** The clients that the configuration file blocks. */
  readonly deny: () => ClientList | undefined
}

/** An action that starts an act. */
type StartingAction = Extract<AdminAction, { act: 'block' | 'override' | 'shadow' | 'limit' }>

/** Performs admin actions on a running gateway. Only `reset` and `forget` clear usage. */
export class OperatorActions {
  constructor(private readonly options: OperatorActionsOptions) {}

  /**
   * Performs an action.
   *
   * @param by the name of the admin token
   * @returns a description of the change
   * @throws AdminActionError (as a rejection) if the action cannot be performed; nothing has
   *   changed, unless the message says so
   */
  async perform(action: AdminAction, by: string): Promise<string> {
    switch (action.act) {
      case 'reset':
        return this.#reset(action)
      case 'forget':
        return this.options.forget(action.client)
      case 'undo':
        return action.id === undefined ? this.#undoRule(action.route, action.rule) : this.#undo(action.id)
      case 'unblock':
        return this.#unblock(action)
      default:
        return this.#start(action, by)
    }
  }

  async #start(action: StartingAction, by: string): Promise<string> {
    const now = Date.now()
    const change = this.#changeOf(action)
    const until = endOf(action, now)
    const id = actId(change)
    const act: Act = {
      ...{ id, by, reason: action.reason, at: now },
      ...(until !== undefined && { until }),
      ...change,
    }
    this.#check(act)
    await this.#change((acts) => [...acts.filter((each) => each.id !== id), act])
    const ending = until === undefined ? '' : ` until ${new Date(until).toISOString()}`
    return `${descriptionOf(action)}${ending}`
  }

  #changeOf(action: StartingAction): ActChange {
    const { view } = this.options
    switch (action.act) {
      case 'block':
        return { act: 'block', ...blockTarget(action) }
      case 'override': {
        const { client } = action
        if (action.rule === undefined) {
          if (!view.rules.some(countsByClient))
            throw new AdminActionError('no rule counts by client, so there is no limit to change')
          return { act: 'override', client, scale: action.scale as number }
        }
        const rule = findClientRule(view, action.route, action.rule)
        const target = targetOf(rule)
        return action.limit === undefined
          ? { act: 'override', client, target, scale: action.scale }
          : { act: 'override', client, target, limit: parseLimit(action.limit, rule) }
      }
      case 'shadow': {
        const target = targetOf(findRule(view, action.route, action.rule))
        return { act: 'shadow', target, shadow: action.shadow }
      }
      case 'limit': {
        const rule = findRule(view, action.route, action.rule)
        return { act: 'limit', target: targetOf(rule), limit: parseLimit(action.limit, rule) }
      }
    }
  }

  /** The operator chose the limit, so an error about it is reported to the operator. */
  #check(act: Act): void {
    try {
      this.options.acts.check(act)
    } catch (error) {
      const isChosen = isOptionError(error) && ['limit', 'scale'].includes(String(error.path.at(-1)))
      if (!isChosen || error.path[0] !== 'overrides') throw error
      throw new AdminActionError(error.reason)
    }
  }

  async #undo(id: string): Promise<string> {
    await this.#remove((act) => act.id === id, `there is no act '${id}'; it may have ended or been undone`)
    return `act '${id}' undone`
  }

  async #undoRule(route: string, name: string): Promise<string> {
    const { scope } = findRule(this.options.view, route, name)
    await this.#remove(
      (act) => (act.act === 'shadow' || act.act === 'limit') && act.target.scope === scope,
      `rule '${name}' has no override to undo`,
      400,
    )
    return `rule '${name}' restored from the configuration file`
  }

  async #unblock(action: Extract<AdminAction, { act: 'unblock' }>): Promise<string> {
    const target = blockTarget(action)
    const name = blockedName(target)
    const deny = this.options.deny()
    const isDenied =
      'client' in target
        ? deny?.clients.includes(target.client)
        : deny?.addresses.some((each) => canonicalNetwork(each) === target.address)
    const hint = isDenied ? "; it is in 'deny' of the configuration file" : ''
    const id = actId({ act: 'block', ...target })
    await this.#remove((act) => act.id === id, `no act blocks ${name}${hint}`)
    return `${name} is no longer blocked${isDenied ? ' by an act, but by the configuration file' : ''}`
  }

  /** Removes acts. @throws AdminActionError if none matches */
  #remove(matches: (act: Act) => boolean, missing: string, status: 400 | 404 = 404): Promise<void> {
    return this.#change((acts) => {
      const kept = acts.filter((act) => !matches(act))
      if (kept.length === acts.length) throw new AdminActionError(missing, status)
      return kept
    })
  }

  async #change(edit: (acts: readonly Act[]) => readonly Act[]): Promise<void> {
    try {
      await this.options.acts.change(edit)
    } catch (error) {
      if (error instanceof ActsUnavailableError) throw new AdminActionError(error.message, 503)
      if (error instanceof TooManyActsError) throw new AdminActionError(error.message, 409)
      throw error
    }
  }

  async #reset({ route, rule, key }: AdminAction & { readonly act: 'reset' }): Promise<string> {
    const { view, store } = this.options
    const client = this.options.known.find(key)
    const clientKey = client && keyOfClient(client.id)
    try {
      const keys = await view.keysNamed(findRules(view, route, rule), key)
      // A shared rule appears once for each route, with the same scope.
      const unique = new Map(keys.map((each) => [JSON.stringify([each.rule.scope, each.key]), each]))
      await Promise.all([...unique.values()].map((each) => store.reset(each.rule.scope, each.key)))
      const seen = keys.filter((each) => each.known)
      // The rules forget a client whose limit is overridden, until its next request.
      const known = seen.length > 0 ? seen : keys.filter((each) => each.key === clientKey)
      if (known.length === 0) throw new AdminActionError(`no rule has seen '${key}' recently`, 404)
      const names = [...new Set(known.map((each) => each.rule.name))]
      return `usage of '${key}' reset for the ${names.length === 1 ? 'rule' : 'rules'} ${names.join(', ')}`
    } catch (error) {
      if (!(error instanceof StoreUnavailableError)) throw error
      throw new AdminActionError('the store is unavailable; part of the reset may have been performed', 503)
    }
  }
}

/** Returns the target of a block. @throws AdminActionError for an invalid address */
function blockTarget({ client, address }: Extract<AdminAction, { act: 'block' | 'unblock' }>): BlockTarget {
  if (client !== undefined) return { client }
  const canonical = canonicalNetwork(address)
  if (canonical !== undefined) return { address: canonical }
  throw new AdminActionError(
    "'address' must be an address such as 192.0.2.7, or a network such as 10.0.0.0/8",
  )
}

function descriptionOf(action: StartingAction): string {
  switch (action.act) {
    case 'block':
      return `${blockedName(blockTarget(action))} is blocked`
    case 'override': {
      const rules = action.rule === undefined ? 'every rule that counts by client' : `rule '${action.rule}'`
      const limit =
        action.limit === undefined ? `${action.scale} times the limit` : `the limit ${action.limit}`
      return `client ${action.client} now has ${limit} of ${rules}`
    }
    case 'shadow':
      return `rule '${action.rule}' is now ${action.shadow ? 'a shadow rule' : 'enforced'}`
    case 'limit':
      return `rule '${action.rule}' now has the limit ${action.limit}`
  }
}
