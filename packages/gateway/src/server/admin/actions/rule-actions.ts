import { isOptionError, type RuleOverride, type Store, StoreUnavailableError } from 'sluice'
import type { Overrides } from '../../../policy/policies.js'
import type { Act } from '../api/live-types.js'
import type { WatchedRule } from '../live/route-usage.js'
import type { RuleView } from '../live/rule-view.js'
import { ActError } from './action.js'

export interface RuleActionsOptions {
  readonly view: RuleView
  readonly store: Store
  /** What holds in place of the configuration. */
  readonly overrides: () => Overrides
  /** Has others hold, and settles when they do. @throws Error where they do not fit the rules; the old ones hold then. */
  readonly override: (overrides: Overrides) => Promise<void>
}

/** Does what those who run a gateway may do while it runs. Nobody's limit is refilled by it, but by a reset. */
export class RuleActions {
  constructor(private readonly options: RuleActionsOptions) {}

  /**
   * @returns what was done, in words
   * @throws ActError, or rejects with it, where it cannot be done; nothing has changed then. Another error nobody foresaw.
   */
  async do(act: Act): Promise<string> {
    if (act.act === 'reset') return this.#reset(act)
    const rule = this.#rule(act.route, act.rule)
    switch (act.act) {
      case 'shadow':
        await this.#override(rule, { enforce: !act.shadow })
        return act.shadow ? `${rule.name} only watches now` : `${rule.name} refuses now`
      case 'limit':
        await this.#override(rule, { limit: limitOf(act.limit, rule) })
        return `${rule.name} is ${act.limit} now`
      case 'undo':
        if (rule.overridden === undefined) throw new ActError(`'${rule.name}' is as the file says`)
        await this.#set(rule, undefined)
        return `${rule.name} is as the file says`
    }
  }

  async #reset({ route, rule, key }: Act & { readonly act: 'reset' }): Promise<string> {
    const { view, store } = this.options
    try {
      const keys = await view.keysNamed(this.#rulesMeant(route, rule), key)
      // A rule that all routes share is there once for each.
      const places = new Map(keys.map((each) => [JSON.stringify([each.rule.scope, each.key]), each]))
      await Promise.all([...places.values()].map((each) => store.reset(each.rule.scope, each.key)))
      const known = keys.filter((each) => each.known)
      if (known.length === 0) throw new ActError(`no rule there has seen '${key}' lately`, 404)
      return `${key} has used nothing of ${[...new Set(known.map((each) => each.rule.name))].join(', ')}`
    } catch (error) {
      if (!(error instanceof StoreUnavailableError)) throw error
      throw new ActError('the store does not answer; some of it may have been done', 503)
    }
  }

  /** The rules that an act is about: one, those of a route, or all. */
  #rulesMeant(route: string | undefined, name: string | undefined): readonly WatchedRule[] {
    const { view } = this.options
    if (route !== undefined && name !== undefined) return [this.#rule(route, name)]
    const rules = route === undefined ? view.rules : view.rulesOf(route)
    if (rules === undefined) throw noRoute(route ?? '')
    const meant = rules.filter((rule) => name === undefined || rule.name === name)
    if (meant.length === 0 && name !== undefined) throw new ActError(`no route has a rule '${name}'`, 404)
    return meant
  }

  #rule(route: string, name: string): WatchedRule {
    const rules = this.options.view.rulesOf(route)
    if (rules === undefined) throw noRoute(route)
    const rule = rules.find((each) => each.name === name)
    if (rule !== undefined) return rule
    const names = rules.map((each) => each.name).join(', ') || 'none'
    throw new ActError(`the route '${route}' has no rule '${name}'; it has ${names}`, 404)
  }

  #override(rule: WatchedRule, said: RuleOverride): Promise<void> {
    return this.#set(rule, { ...this.options.overrides().get(rule.scope), ...said })
  }

  async #set({ scope }: WatchedRule, override: RuleOverride | undefined): Promise<void> {
    const overrides = new Map(this.options.overrides())
    if (override === undefined) overrides.delete(scope)
    else overrides.set(scope, override)
    try {
      await this.options.override(overrides)
    } catch (error) {
      // The operator chose the limit, so an error about it is the answer. Any other error is unexpected.
      if (!isOptionError(error) || error.path[0] !== 'overrides' || error.path[2] !== 'limit') throw error
      throw new ActError(error.reason)
    }
  }
}

function noRoute(route: string): ActError {
  return new ActError(`there is no route '${route}'`, 404)
}

/** A number for what is in flight, which may be written as limits of it are shown. */
function limitOf(text: string, { resource }: WatchedRule): string | number {
  if (resource !== 'concurrent') return text
  const [, digits] = /^\s*(\d+)(?: concurrent)?\s*$/.exec(text) ?? []
  if (digits === undefined)
    throw new ActError(`what is in flight is limited by a number such as 8, not by '${text}'`)
  return Number(digits)
}
