import { jsonPointer, RequestError } from 'sluice'
import type { ListAnswer, VisibleModels } from './llm/model-list.js'
import { ModelPattern } from './llm/model-pattern.js'
import { withMember } from './llm/request/duplicate-keys.js'
import { isFields, statedModel } from './llm/request/json-fields.js'
import { rejectOtherCaseIn } from './llm/request/member-spelling.js'
import type { GatewayRequest } from './policy-request.js'

/** The models that the calls of a route may use, and their other names. */
export interface ModelAccess {
  /** The JSON pointer to the name of the model in a request, such as `/model`. */
  readonly pointer: string
  /** Returns the allowed names and patterns for a request; undefined if every model is allowed. */
  readonly allow?: (request: GatewayRequest) => readonly string[]
  /** The model that each alias stands for. */
  readonly alias?: ReadonlyMap<string, string>
}

/** The pointer of all APIs except those with a shape of their own. */
export const MODEL_POINTER = '/model'

/** An error for a model that does not exist or is not allowed: status 404. */
class ModelNotFoundError extends RequestError {
  override readonly name = 'ModelNotFoundError'

  /** @param model as requested */
  constructor(model: string) {
    super(
      `the model '${model.slice(0, 256)}' does not exist, or this key may not use it`,
      404,
      'model_not_found',
    )
  }
}

/** A route that lists the models that its clients may use. */
export interface ModelList {
  readonly answer: ListAnswer
  readonly access: Pick<ModelAccess, 'allow' | 'alias'>
}

/** Returns the names under which a client may use models. */
export function visibleModels(
  { allow, alias = new Map() }: ModelList['access'],
  request: GatewayRequest,
): VisibleModels {
  return { isAllowed: allow === undefined ? () => true : modelFilter(allow(request)), alias }
}

/**
 * Checks whether a request may see the model that its path names.
 *
 * @throws ModelNotFoundError if it may not
 */
export function checkListed({ answer, access }: ModelList, request: GatewayRequest): void {
  const requested = answer.kind === 'list' ? undefined : request.params[answer.kind.param]
  // Another path of the same route names no model.
  if (requested === undefined) return
  checkModel(access, { requested, target: access.alias?.get(requested) ?? requested }, request)
}

/** The model of a call. */
export interface RequestedModel {
  /** The name that the client sent; an empty string if it sent none. */
  readonly requested: string
  /** The model that it stands for. */
  readonly target: string
}

/**
 * Reads the model of a call from its body. If the name is an alias, replaces it in the body, so every
 * other reader of the body sees the model that it stands for.
 *
 * @param body a JSON value without duplicate members
 * @throws RequestError if the body is not an object, or the model is not a string
 * @throws MalformedRequestError for a member that servers interpret differently
 */
export function resolveModel({ pointer, alias }: ModelAccess, body: unknown): RequestedModel {
  if (!isFields(body) || Object.getPrototypeOf(body) !== Object.prototype)
    throw new RequestError('the request body must be a JSON object')
  rejectOtherCaseIn(body, pointer)
  const requested = statedModel(jsonPointer(pointer)(body)) ?? ''
  const target = alias?.get(requested) ?? requested
  if (target !== requested) (body as Record<string, unknown>)[pointer.slice(1)] = target
  return { requested, target }
}

/**
 * Checks whether a request may use a model, by its alias or its own name.
 *
 * @throws ModelNotFoundError if it may not; RequestError if the call names no model
 */
export function checkModel(
  { allow }: Pick<ModelAccess, 'allow'>,
  { requested, target }: RequestedModel,
  request: GatewayRequest,
): void {
  if (allow === undefined) return
  if (requested === '') throw new RequestError("'model' is missing; this route requires it")
  const isAllowed = modelFilter(allow(request))
  if (!isAllowed(requested) && !isAllowed(target)) throw new ModelNotFoundError(requested)
}

/** Returns a function that reports whether a model is in a list of names and patterns. */
function modelFilter(allowed: readonly string[]): (model: string) => boolean {
  const patterns = allowed.map((each) => new ModelPattern(each))
  return (model) => patterns.some((pattern) => pattern.matches(model))
}

/** Returns the body to forward, with the model in place of its alias. All other bytes are unchanged. */
export function withModel(
  { pointer }: ModelAccess,
  { requested, target }: RequestedModel,
  json: Buffer,
): Buffer {
  if (requested === target) return json
  return withMember(json, pointer.slice(1), () => Buffer.from(JSON.stringify(target)))
}
