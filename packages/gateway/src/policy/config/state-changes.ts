import { formatLimit, type LimiterRule } from 'sluice'
import { type GatewayConfig, policiesOf } from './config.js'
import { keyText } from './describe-config.js'
import { limiterRulesOf } from './limits/limit-entry.js'

/** What a change of the configuration does to the state of its rules. */
export interface StateChanges {
  /** Rules that are gone: what clients had used of them is not counted any more. */
  readonly abandoned: readonly string[]
  /** Rules that are new to a route that was there before: they begin empty. */
  readonly empty: readonly string[]
}

export const KEEP_STATE_HINT = "a rule with a 'name' keeps its state when its period or algorithm changes"

/**
 * Compares where two configurations keep their state. A rule keeps its state while its name stays or, for a rule without
 * one, while what it counts stays: resource, key, algorithm and period.
 */
export function stateChanges(before: GatewayConfig, after: GatewayConfig): StateChanges {
  const [old, next] = [statesOf(before), statesOf(after)]
  const routesBefore = new Set(policiesOf(before).map(({ name }) => name))
  const gone = (from: ReadonlyMap<string, State>, other: ReadonlyMap<string, State>) =>
    [...from].flatMap(([id, state]) => (other.has(id) ? [] : state))
  return {
    abandoned: gone(old, next).map(({ text }) => text),
    empty: gone(next, old).flatMap(({ route, text }) =>
      route === undefined || routesBefore.has(route) ? text : [],
    ),
  }
}

interface State {
  /** Undefined for a rule that all routes share. */
  readonly route: string | undefined
  /** `POST /predict: requests (10/minute by ip)`. */
  readonly text: string
}

/** By what tells the states apart. */
function statesOf(config: GatewayConfig): ReadonlyMap<string, State> {
  const states = new Map<string, State>()
  for (const { name: route, rules } of policiesOf(config)) {
    for (const rule of limiterRulesOf(rules)) {
      const owner = rule.shared ? undefined : route
      const text = `${owner ?? 'all routes'}: ${ruleText(rule, keyText(rules[rule.index]?.by))}`
      states.set(JSON.stringify([owner, rule.scope]), { route: owner, text })
    }
  }
  return states
}

function ruleText({ name, limit, resource }: LimiterRule, key: string): string {
  const counted = limit === undefined ? resource : formatLimit(limit)
  return `${name} (${counted} by ${key})`
}
