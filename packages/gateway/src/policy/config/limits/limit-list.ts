import type { ExpressionScope, KnownLabels } from '../cel/expression-scope.js'
import type { PolicyConfig, RouteConfig } from '../config.js'
import { type Decoder, listOf, withKeysOf } from '../yaml/decoders.js'
import type { Problems } from '../yaml/diagnostics.js'
import { entryOf, isString } from '../yaml/yaml-node.js'
import { type LocatedRule, limitDecoder, readsBody, readsModel, rulesErrorOf } from './limit-entry.js'
import type { Algorithm } from './limit-shape.js'
import { tokensOf, withTokenCosts } from './token-limits.js'

const MAX_LIMITS = 32

/**
 * Creates the decoder of `limits`: a limit string, or a list of limits.
 *
 * @param scope the names that expressions may use
 * @param defaultAlgorithm the algorithm of limits without their own, if it is not a token bucket
 */
export function limitsDecoder(
  scope: ExpressionScope,
  defaultAlgorithm: Algorithm | undefined,
): Decoder<readonly LocatedRule[]> {
  const decodeLimit = limitDecoder(scope, defaultAlgorithm)
  const decodeList = listOf(decodeLimit, 'a list of limits such as [10/minute]', MAX_LIMITS)
  const decode = (node: Parameters<typeof decodeList>[0], problems: Problems) => {
    if (!isString(node)) return decodeList(node, problems)
    const limit = decodeLimit(node, problems)
    return limit === undefined ? undefined : [limit]
  }
  return withKeysOf(decodeList, (node, problems) => {
    const limits = decode(node, problems)
    if (limits !== undefined) checkNames(limits, problems)
    return limits
  })
}

/**
 * Reports rules with the same name. No other error is possible, since each rule is valid by itself.
 */
function checkNames(limits: readonly LocatedRule[], problems: Problems): void {
  const error = rulesErrorOf(limits.map(({ rule }) => rule))
  if (error === undefined) return
  const node = limits[error.index ?? 0]?.node
  if (node === undefined) return
  const entry = node.kind === 'map' && error.key !== undefined ? node.entries.get(error.key) : undefined
  problems.at(entry?.value ?? node, error.message)
}

/**
 * Creates the decoder of the top-level `limits`, which all routes share.
 *
 * @param labels the labels of clients
 */
export function sharedLimitsDecoder(
  labels: KnownLabels,
  defaultAlgorithm: Algorithm | undefined,
): Decoder<readonly LocatedRule[]> {
  // Those that read the model apply only to routes with `llm`.
  const limitsOfFile = limitsDecoder({ params: undefined, labels, hasModel: true }, defaultAlgorithm)
  return withKeysOf(limitsOfFile, (node, problems) => {
    const limits = limitsOfFile(node, problems)
    return limits?.map(({ rule, node: limitNode, visible }) => {
      const sharedNode = entryOf(limitNode, 'shared')
      if (sharedNode !== undefined)
        problems.at(
          sharedNode,
          "all routes share a top-level limit already; write 'name' instead of 'shared'",
        )
      return { node: limitNode, rule: { ...rule, shared: true }, visible }
    })
  })
}

/** Adds the shared limits to a policy. Limits on tokens or models apply only to policies with `llm`. */
export function withShared<P extends PolicyConfig & Partial<Pick<RouteConfig, 'otherPatterns'>>>(
  policy: P,
  shared: readonly LocatedRule[],
  problems: Problems,
): P {
  if (shared.length === 0) return policy
  const applicable = shared.filter(
    ({ rule }) =>
      (policy.llm !== undefined || rule.cost !== undefined || tokensOf(rule) === undefined) &&
      (policy.models !== undefined || !readsModel([rule])),
  )
  const added = withTokenCosts(applicable, policy.llm, problems, policy.otherPatterns)
  const rules = [...policy.rules, ...added]
  const error = rulesErrorOf(rules)
  const located = error && applicable[(error.index ?? 0) - policy.rules.length]
  if (located !== undefined) problems.at(located.node, `on the route ${policy.name}: ${error?.message}`)
  const visible = [...(policy.visible ?? []), ...visibleOf(applicable, policy.rules.length)]
  return { ...policy, rules, visible, readsBody: policy.readsBody || readsBody(added) }
}

/**
 * Returns the indices of the limits that every client sees.
 *
 * @param offset index of the first limit in the rules of its policy
 */
export function visibleOf(limits: readonly LocatedRule[], offset = 0): readonly number[] {
  return limits.flatMap(({ visible }, index) => (visible ? [offset + index] : []))
}
