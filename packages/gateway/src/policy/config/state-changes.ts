import { formatLimit, type LimiterRule } from 'sluice'
import { type GatewayConfig, policiesOf } from './config.js'
import { describeKey } from './describe-config.js'
import { limiterRulesOf } from './limits/limit-entry.js'
import { routesOfSharedRules } from './shared-rules.js'

/** The effect of a change to the configuration on the state of its rules. */
export interface StateChanges {
  /** Rules that were removed. The usage that they counted is lost. */
  readonly abandoned: readonly string[]
  /** Rules that were added to an existing route. They start without usage. */
  readonly empty: readonly string[]
}

export const KEEP_STATE_HINT = "a rule with a 'name' keeps its state when its period or algorithm changes"

/**
 * Compares the state that two configurations keep. A named rule keeps its state as long as its name
 * stays the same. An unnamed rule keeps its state as long as its resource, key, algorithm and
 * period stay the same.
 */
export function stateChanges(before: GatewayConfig, after: GatewayConfig): StateChanges {
  const [statesBefore, statesAfter] = [statesOf(before), statesOf(after)]
  const routesBefore = new Set(policiesOf(before).map(({ name }) => name))
  const difference = (from: ReadonlyMap<string, RuleState>, other: ReadonlyMap<string, RuleState>) =>
    [...from].flatMap(([id, state]) => (other.has(id) ? [] : state))
  return {
    abandoned: difference(statesBefore, statesAfter).map(({ text }) => text),
    empty: difference(statesAfter, statesBefore).flatMap(({ route, text }) =>
      route === undefined || routesBefore.has(route) ? text : [],
    ),
  }
}

/** The state of one rule. */
interface RuleState {
  /** Undefined for a rule that routes share. */
  readonly route: string | undefined
  /** For output, such as `POST /predict: requests (10/minute by ip)`. */
  readonly text: string
}

/** Returns the states of a configuration, keyed by route and scope of the rule. */
function statesOf(config: GatewayConfig): ReadonlyMap<string, RuleState> {
  const states = new Map<string, RuleState>()
  const sharing = routesOfSharedRules(config)
  for (const { name: route, rules } of policiesOf(config)) {
    for (const rule of limiterRulesOf(rules)) {
      const owner = rule.shared ? undefined : route
      const text = `${owner ?? sharing.get(rule.scope)}: ${formatRule(rule, describeKey(rules[rule.index]?.by))}`
      states.set(JSON.stringify([owner, rule.scope]), { route: owner, text })
    }
  }
  return states
}

function formatRule({ name, limit, resource }: LimiterRule, key: string): string {
  const counted = limit === undefined ? resource : formatLimit(limit)
  return `${name} (${counted} by ${key})`
}
