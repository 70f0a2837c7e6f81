import type { HttpAnswer } from 'sluice/http'
import { describedModel, filteredList } from '../../policy/llm/model-list.js'
import { type ModelList, ownModelList, visibleModels } from '../../policy/model-access.js'
import type { WeighedRequest } from '../../policy/policy-request.js'
import { type Target, withSegment } from '../../policy/routing/target.js'
import type { ForwardOverrides } from './forward.js'

/**
 * Answers a request for the models that the configuration file lists.
 *
 * @returns undefined if the upstream lists them
 */
export function modelListAnswer(list: ModelList, request: WeighedRequest): HttpAnswer | undefined {
  if (list.models === undefined) return undefined
  const body = JSON.stringify(ownModelList(list, list.models, request))
  return { status: 200, headers: [['content-type', 'application/json']], body }
}

/** Returns the overrides that show a client only the models that it may use. */
export function modelListOverrides(
  list: ModelList,
  request: WeighedRequest,
  target: Target,
): Pick<ForwardOverrides, 'requestHeaders' | 'replaceBody' | 'target'> {
  // An encoded or partial response cannot be filtered.
  const requestHeaders = [['Accept-Encoding', 'identity']] as const
  const visible = visibleModels(list.access, request)
  if (list.answer.kind === 'list')
    return { requestHeaders, replaceBody: (body) => filteredList(list.answer, visible, body) }
  const requested = request.params[list.answer.kind.param] ?? ''
  const model = visible.alias.get(requested) ?? requested
  return {
    requestHeaders,
    replaceBody: (body) => describedModel(list.answer, requested, model, body),
    ...(model !== requested && { target: withSegment(target, target.segments.length - 1, model) }),
  }
}
