import { isOptionError, type RuleOverride, type Store, StoreUnavailableError } from 'sluice'
import type { Overrides } from '../../../policy/policies.js'
import type { AdminAction } from '../api/admin-actions.js'
import type { WatchedRule } from '../live/route-usage.js'
import type { RuleView } from '../live/rule-view.js'
import { AdminActionError } from './action.js'

export interface RuleActionsOptions {
  readonly view: RuleView
  readonly store: Store
  /** The overrides in effect. */
  readonly overrides: () => Overrides
  /**
   * Applies new overrides, and resolves once they are in effect.
   *
   * @throws Error if they do not fit the rules; the previous ones stay in effect
   */
  readonly override: (overrides: Overrides) => Promise<void>
}

/** Performs admin actions on a running gateway. Only a reset clears usage. */
export class RuleActions {
  constructor(private readonly options: RuleActionsOptions) {}

  /**
   * Performs an action.
   *
   * @returns a description of the change
   * @throws AdminActionError (as a rejection) if the action cannot be performed; nothing has
   *   changed, unless the store failed during a reset
   */
  async perform(action: AdminAction): Promise<string> {
    if (action.act === 'reset') return this.#reset(action)
    const rule = this.#rule(action.route, action.rule)
    switch (action.act) {
      case 'shadow':
        await this.#override(rule, { enforce: !action.shadow })
        return `rule '${rule.name}' is now ${action.shadow ? 'a shadow rule' : 'enforced'}`
      case 'limit':
        await this.#override(rule, { limit: parseLimit(action.limit, rule) })
        return `rule '${rule.name}' now has the limit ${action.limit}`
      case 'undo':
        if (rule.overridden === undefined)
          throw new AdminActionError(`rule '${rule.name}' has no override to undo`)
        await this.#setOverride(rule, undefined)
        return `rule '${rule.name}' restored from the configuration file`
    }
  }

  async #reset({ route, rule, key }: AdminAction & { readonly act: 'reset' }): Promise<string> {
    const { view, store } = this.options
    try {
      const keys = await view.keysNamed(this.#rulesFor(route, rule), key)
      // A shared rule appears once for each route, with the same scope.
      const unique = new Map(keys.map((each) => [JSON.stringify([each.rule.scope, each.key]), each]))
      await Promise.all([...unique.values()].map((each) => store.reset(each.rule.scope, each.key)))
      const known = keys.filter((each) => each.known)
      if (known.length === 0) throw new AdminActionError(`no rule has seen '${key}' recently`, 404)
      const names = [...new Set(known.map((each) => each.rule.name))]
      return `usage of '${key}' reset for the ${names.length === 1 ? 'rule' : 'rules'} ${names.join(', ')}`
    } catch (error) {
      if (!(error instanceof StoreUnavailableError)) throw error
      throw new AdminActionError('the store is unavailable; part of the reset may have been performed', 503)
    }
  }

  /** Returns the rules that an action names: one, those of a route, or all. */
  #rulesFor(route: string | undefined, name: string | undefined): readonly WatchedRule[] {
    const { view } = this.options
    if (route !== undefined && name !== undefined) return [this.#rule(route, name)]
    const rules = route === undefined ? view.rules : view.rulesOf(route)
    if (rules === undefined) throw unknownRoute(route ?? '')
    const matching = rules.filter((rule) => name === undefined || rule.name === name)
    if (matching.length === 0 && name !== undefined)
      throw new AdminActionError(`no route has a rule '${name}'`, 404)
    return matching
  }

  #rule(route: string, name: string): WatchedRule {
    const rules = this.options.view.rulesOf(route)
    if (rules === undefined) throw unknownRoute(route)
    const rule = rules.find((each) => each.name === name)
    if (rule !== undefined) return rule
    const names = rules.map((each) => each.name).join(', ') || 'none'
    throw new AdminActionError(`route '${route}' has no rule '${name}'; its rules are: ${names}`, 404)
  }

  #override(rule: WatchedRule, change: RuleOverride): Promise<void> {
    return this.#setOverride(rule, { ...this.options.overrides().get(rule.scope), ...change })
  }

  async #setOverride({ scope }: WatchedRule, override: RuleOverride | undefined): Promise<void> {
    const overrides = new Map(this.options.overrides())
    if (override === undefined) overrides.delete(scope)
    else overrides.set(scope, override)
    try {
      await this.options.override(overrides)
    } catch (error) {
      // The operator chose the limit, so an error about it is reported to the operator. Any other
      // error is unexpected.
      if (!isOptionError(error) || error.path[0] !== 'overrides' || error.path[2] !== 'limit') throw error
      throw new AdminActionError(error.reason)
    }
  }
}

function unknownRoute(route: string): AdminActionError {
  return new AdminActionError(`there is no route '${route}'`, 404)
}

/**
 * Parses a concurrency limit as a number. Accepts the dashboard's format, such as `8 concurrent`,
 * as well.
 */
function parseLimit(limit: string, { resource }: WatchedRule): string | number {
  if (resource !== 'concurrent') return limit
  const [, digits] = /^\s*(\d+)(?: concurrent)?\s*$/.exec(limit) ?? []
  if (digits === undefined)
    throw new AdminActionError(`a limit on concurrent requests must be a number such as 8, not '${limit}'`)
  return Number(digits)
}
