import { jsonPointer, RequestError } from 'sluice'
import { withFormText } from './body/multipart.js'
import type { MultipartForm } from './body/multipart-form.js'
import { type LlmRouteOptions, shapeOf } from './llm/llm-call.js'
import { type ListAnswer, modelListing, modelListingEntry, type VisibleModels } from './llm/model-list.js'
import { ModelPattern } from './llm/model-pattern.js'
import { withMember } from './llm/request/duplicate-keys.js'
import { type Fields, isFields, listOf, own, statedModel } from './llm/request/json-fields.js'
import { rejectOtherCaseIn } from './llm/request/member-spelling.js'
import type { GatewayRequest } from './policy-request.js'
import { decodedPath, type Target, withSegment } from './routing/target.js'

/** The models that the calls of a route may use, and their other names. */
export interface ModelAccess {
  /** The API of the calls, which determines whether their path or their body names the model. */
  readonly shape: LlmRouteOptions['shape']
  /** Returns the allowed names and patterns for a request; undefined if every model is allowed. */
  readonly allow?: (request: GatewayRequest) => readonly string[]
  /** The model that each alias stands for. */
  readonly alias?: ReadonlyMap<string, string>
}

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
  /** All models, if the gateway answers itself; undefined if the upstream lists them. */
  readonly models?: readonly string[]
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
export function checkListed({ answer, access, models }: ModelList, request: GatewayRequest): void {
  const requested = answer.kind === 'list' ? undefined : request.params[answer.kind.param]
  // Another path of the same route names no model.
  if (requested === undefined) return
  const target = access.alias?.get(requested) ?? requested
  checkModel(access, { requested, target }, request)
  if (models?.includes(target) === false) throw new ModelNotFoundError(requested)
}

/** Returns the answer to a request for the models of the configuration file, or for one of them. */
export function ownModelList(
  { answer, access }: ModelList,
  models: readonly string[],
  request: GatewayRequest,
): object {
  if (answer.kind === 'list') return modelListing(answer, visibleModels(access, request), models)
  return modelListingEntry(answer, request.params[answer.kind.param] ?? '')
}

/** The model of a call. */
export interface RequestedModel {
  /** The name that the client sent; an empty string if it sent none. */
  readonly requested: string
  /** The model that it stands for. */
  readonly target: string
}

/**
 * Reads the model of a call from its path. If the name is an alias, replaces it in the path, so every
 * other reader of the path sees the model that it stands for.
 *
 * @returns undefined if the body names the model
 */
export function resolvePathModel(
  access: ModelAccess,
  target: Target,
): { readonly model: RequestedModel; readonly target: Target } | undefined {
  const path = decodedPath(target)
  const { modelIn } = shapeOf(access, path) ?? {}
  if (modelIn === undefined) return undefined
  const found = modelIn(path)
  const model = requestedModel(access, found?.model)
  if (found === undefined || model.target === model.requested) return { model, target }
  return { model, target: withSegment(target, found.index, model.target + found.suffix) }
}

/**
 * Reads the model of a call from its body. If the name is an alias, replaces it in the body, so every
 * other reader of the body sees the model that it stands for.
 *
 * @param path the decoded path of the request
 * @param body a JSON value without duplicate members
 * @throws RequestError if the body is not an object, or the model is not a string
 * @throws MalformedRequestError for a member that servers interpret differently
 */
export function resolveModel(access: ModelAccess, path: string, body: unknown): RequestedModel {
  const pointer = pointerAt(access, path)
  rejectOtherCaseIn(jsonObject(body), pointer)
  const model = requestedModel(access, statedModel(jsonPointer(pointer)(body)))
  if (model.target !== model.requested) (body as Record<string, unknown>)[pointer.slice(1)] = model.target
  return model
}

/**
 * Reads the model of a call from a form with files. If the name is an alias, replaces it in the form.
 *
 * @throws RequestError if it is not a single text
 */
export function resolveFormModel(
  access: ModelAccess,
  form: MultipartForm,
): { readonly model: RequestedModel; readonly form: MultipartForm } {
  const model = requestedModel(access, form.text(FORM_FIELD))
  return { model, form: model.target === model.requested ? form : form.withText(FORM_FIELD, model.target) }
}

/** The field of a form that names the model. */
const FORM_FIELD = 'model'

/** Returns the form to forward, with the model in place of its alias. All other bytes are unchanged. */
export function withFormModel({ requested, target }: RequestedModel, body: Buffer, boundary: string): Buffer {
  return requested === target ? body : withFormText(body, boundary, FORM_FIELD, target)
}

/**
 * Checks a body that may name the model that its path names, too. Servers may use either.
 *
 * @throws RequestError if it names another model, including the alias of the path's model
 * @throws MalformedRequestError for a member that servers interpret differently
 */
export function checkSameModel({ target }: RequestedModel, body: unknown): void {
  for (const part of [jsonObject(body), ...listOf(body, 'requests')]) {
    rejectOtherCaseIn(part, MODEL_POINTER)
    const model = own(part, 'model')
    // A name may begin with the name of a collection, as in `models/gemini-pro`.
    if (model !== undefined && !(typeof model === 'string' && `/${model}`.endsWith(`/${target}`)))
      throw new RequestError(`'model' must be '${target}', the model that the path names, or be left out`)
  }
}

function jsonObject(body: unknown): Fields {
  if (isFields(body) && Object.getPrototypeOf(body) === Object.prototype) return body
  throw new RequestError('the request body must be a JSON object')
}

/** The pointer of all APIs except those with a shape of their own. */
const MODEL_POINTER = '/model'

function pointerAt(access: ModelAccess, path: string): string {
  return shapeOf(access, path)?.modelPointer ?? MODEL_POINTER
}

function requestedModel({ alias }: ModelAccess, requested = ''): RequestedModel {
  return { requested, target: alias?.get(requested) ?? requested }
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
  access: ModelAccess,
  path: string,
  { requested, target }: RequestedModel,
  json: Buffer,
): Buffer {
  if (requested === target) return json
  return withMember(json, pointerAt(access, path).slice(1), () => Buffer.from(JSON.stringify(target)))
}
