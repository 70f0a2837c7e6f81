import { z } from 'zod'
import type { LlmRouteOptions } from '../../llm/llm-call.js'
import type { ModelAccess, ModelList } from '../../model-access.js'
import { type Expression, requireExpression } from '../cel/expression.js'
import type { ExpressionScope } from '../cel/expression-scope.js'
import type { PolicyConfig } from '../config.js'
import { readsBody, readsModel } from '../limits/limit-entry.js'
import { reported } from '../limits/limit-key.js'
import { limitsDecoder, visibleOf } from '../limits/limit-list.js'
import type { Algorithm } from '../limits/limit-shape.js'
import { type RouteShape, withTokenCosts } from '../limits/token-limits.js'
import { type Decoder, mapOf, scalar, type Values } from '../yaml/decoders.js'
import type { Problems } from '../yaml/diagnostics.js'
import { integer, string } from '../yaml/scalars.js'
import { type ConfigNode, entryOf } from '../yaml/yaml-node.js'
import { decodeAnswers } from './answers-section.js'
import { decodeBodyTypes } from './body-types-section.js'
import { decodeCors } from './cors-section.js'
import { decodeListVendor, llmDecoder } from './llm-section.js'
import { type ModelsSection, modelsDecoder } from './models-section.js'
import { networkList } from './network-list.js'
import { decodeOnUnreadable, PASS_WITH_LLM } from './on-unreadable-section.js'
import { routeUpstreamDecoder } from './route-upstream.js'
import { decodeWarmUp } from './warm-up-section.js'

/** The keys that routes and `default` have in common. */
export function policyShape(
  scope: ExpressionScope,
  path: string,
  algorithm: Algorithm | undefined,
  upstreams: readonly string[],
  listsModels = false,
) {
  const requirement: Decoder<Expression<boolean>> = (node, problems) => {
    const source = string('"client.tier == \'premium\'"')(node, problems)
    return source === undefined ? undefined : reported(node, requireExpression(source, scope), problems)
  }
  return {
    upstream: routeUpstreamDecoder(scope, upstreams),
    limits: limitsDecoder(scope, algorithm),
    allow: networkList('a list of addresses and networks such as [10.0.0.0/8]'),
    require: requirement,
    refuse_with: mapOf(
      {
        status: integer(400, 499),
        detail: scalar(z.string().min(1).max(1000), 'a string of 1 to 1000 characters'),
      },
      'a map such as { status: 403, detail: Premium access required }',
    ),
    answers: decodeAnswers,
    warm_up: decodeWarmUp,
    llm: listsModels ? decodeListVendor : llmDecoder(path),
    models: modelsDecoder(scope, listsModels),
    unpriced: scalar(z.literal('allow'), 'allow'),
    on_unreadable: decodeOnUnreadable,
    body_types: decodeBodyTypes,
    cors: decodeCors,
  }
}

/**
 * Returns the policy that a route or `default` describes.
 *
 * @param others the other patterns of the route, whose calls may belong to other APIs
 */
export function policyOf(
  values: Values<ReturnType<typeof policyShape>>,
  node: ConfigNode,
  problems: Problems,
  others: readonly RouteShape[] = [],
): Omit<PolicyConfig, 'name'> {
  const { limits = [], require: requirement, refuse_with: refuseWith, warm_up: warmUp, llm } = values
  const { on_unreadable: onUnreadable, body_types: bodyTypes, allow, answers, cors, upstream } = values
  const choice = typeof upstream === 'function' ? upstream : undefined
  if (refuseWith !== undefined && node.kind === 'map' && !node.entries.has('require'))
    problems.at(node, "'refuse_with' requires 'require'; add 'require', or remove 'refuse_with'")
  const rules = withTokenCosts(limits, llm?.options, problems, others)
  const models = modelAccess(
    values.models,
    llm?.options,
    [requirement, choice].some((expression) => expression?.readsModel) || readsModel(rules),
    node,
    problems,
  )
  if (onUnreadable === 'pass' && llm !== undefined) {
    const onUnreadableNode = node.kind === 'map' ? node.entries.get('on_unreadable')?.value : undefined
    problems.at(onUnreadableNode ?? node, PASS_WITH_LLM)
  }
  return {
    rules,
    visible: visibleOf(limits),
    readsBody: [requirement, choice].some((expression) => expression?.readsBody) || readsBody(rules),
    ...(llm?.options && { llm: llm.options }),
    ...(models && { models }),
    ...(llm?.mirror && { mirror: llm.mirror }),
    ...(llm?.errorShape && { errorShape: llm.errorShape }),
    ...(llm && { maxRetryWaitMs: llm.maxRetryWaitMs }),
    ...(answers !== undefined && { answers }),
    ...(upstream !== undefined && { upstream }),
    ...(requirement !== undefined && { require: requirement }),
    ...(refuseWith !== undefined && { refuseWith }),
    ...(warmUp !== undefined && { warmUp }),
    ...(onUnreadable !== undefined && { onUnreadable }),
    ...(bodyTypes !== undefined && { bodyTypes }),
    ...(allow !== undefined && { allow }),
    ...(cors !== undefined && { cors }),
    ...(values.unpriced !== undefined && { refusesUnpriced: false }),
  }
}

/**
 * Returns how the model of calls is read, and which models are allowed.
 *
 * @param isRead true if an expression reads the model
 */
function modelAccess(
  section: ModelsSection | undefined,
  llm: LlmRouteOptions | undefined,
  isRead: boolean,
  node: ConfigNode,
  problems: Problems,
): ModelAccess | undefined {
  const sectionNode = entryOf(node, 'models') ?? node
  if (llm === undefined) {
    // On a route that lists models, 'llm' only names the API.
    if (section !== undefined && entryOf(node, 'llm') === undefined)
      problems.at(
        sectionNode,
        "'models' requires 'llm', which determines where a call names its model; add 'llm'",
      )
    return undefined
  }
  // Only a custom shape has a pointer of its own, and it does not depend on the path.
  const { modelPointer: pointer } = typeof llm.shape === 'object' ? llm.shape : {}
  if ((section !== undefined || isRead) && pointer === '')
    problems.at(sectionNode, 'the shape has no pointer to the model; write, for example, model: /model')
  if (section?.alias !== undefined && pointer !== undefined && /.[/~]/.test(pointer))
    problems.at(
      entryOf(sectionNode, 'alias') ?? sectionNode,
      `'alias' requires a model at the top of the request, not at '${pointer}'`,
    )
  return pointer === '' ? undefined : { shape: llm.shape, ...accessOf(section) }
}

/** Returns which models are allowed, and what stands for them. */
export function accessOf({ allow, alias }: ModelsSection = {}): ModelList['access'] {
  return {
    ...(allow && {
      allow: typeof allow === 'function' ? allow : Object.assign(() => allow, { source: allow.join(', ') }),
    }),
    ...(alias && { alias }),
  }
}
