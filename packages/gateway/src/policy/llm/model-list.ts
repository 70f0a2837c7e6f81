import { isFields, own } from './request/json-fields.js'

/** The answer of an API that lists models. */
export interface ListAnswer {
  /** `list` for all models, or the name of the path parameter that names one. */
  readonly kind: 'list' | { readonly param: string }
  /** The member that contains the list, and the one that names a model. */
  readonly members: { readonly list: string; readonly name: string }
}

/** The names under which a client may use models. */
export interface VisibleModels {
  readonly isAllowed: (model: string) => boolean
  /** The model that each alias stands for. */
  readonly alias: ReadonlyMap<string, string>
}

const OLLAMA_MEMBERS = { list: 'models', name: 'name' }
const DATA_MEMBERS = { list: 'data', name: 'id' }

/**
 * Recognizes the path of a list of models.
 *
 * @param path the literal path of a route, with `:` for a parameter
 * @param params the parameters of the path, in order
 */
export function listAnswerOf(path: string, params: readonly string[]): ListAnswer | undefined {
  if (path.endsWith('/api/tags')) return { kind: 'list', members: OLLAMA_MEMBERS }
  if (path.endsWith('/models')) return { kind: 'list', members: DATA_MEMBERS }
  const param = params.at(-1)
  return path.endsWith('/models/:') && param !== undefined
    ? { kind: { param }, members: DATA_MEMBERS }
    : undefined
}

/**
 * Removes the models from a list that a client may not use, and adds the aliases of those that it
 * contains.
 *
 * @param json the answer of the upstream
 * @returns undefined if it is no list of models
 */
export function filteredList(
  { members }: ListAnswer,
  names: VisibleModels,
  json: Buffer,
): Buffer | undefined {
  const answer = parsed(json)
  const models = own(answer, members.list)
  if (!isFields(answer) || !Array.isArray(models)) return undefined
  const visible: object[] = []
  for (const model of models) {
    const name = own(model, members.name)
    if (typeof name !== 'string') return undefined
    for (const shown of namesOf(name, names))
      visible.push(shown === name ? (model as object) : renamed(model as object, name, shown))
  }
  const nameOf = (model: object | undefined) => (model === undefined ? null : own(model, members.name))
  const ends = { first_id: nameOf(visible[0]), last_id: nameOf(visible.at(-1)) }
  // The cursors of a page of Anthropic's list name models too.
  const cursors = Object.entries(ends).filter(([cursor]) => Object.hasOwn(answer, cursor))
  return Buffer.from(JSON.stringify({ ...answer, [members.list]: visible, ...Object.fromEntries(cursors) }))
}

/** Returns the names under which a client may see a model: its own name and its aliases. */
function namesOf(model: string, { isAllowed, alias }: VisibleModels): readonly string[] {
  const aliases = [...alias].filter(
    ([other, target]) => target === model && (isAllowed(other) || isAllowed(target)),
  )
  return [...(isAllowed(model) ? [model] : []), ...aliases.map(([other]) => other)]
}

/** Returns a list of the models that a client may use, with their aliases, in the format of the API. */
export function modelListing(
  { members }: ListAnswer,
  visible: VisibleModels,
  models: readonly string[],
): object {
  const names = models.flatMap((model) => namesOf(model, visible))
  const list = { [members.list]: names.map((name) => modelListingEntry({ members }, name)) }
  if (members === OLLAMA_MEMBERS) return list
  return {
    object: 'list',
    ...list,
    has_more: false,
    first_id: names[0] ?? null,
    last_id: names.at(-1) ?? null,
  }
}

/** Describes a model in the format of the API. Those of OpenAI and Anthropic share one. */
export function modelListingEntry({ members }: Pick<ListAnswer, 'members'>, name: string): object {
  if (members === OLLAMA_MEMBERS) return { name, model: name }
  const ofAnthropic = { type: 'model', display_name: name, created_at: new Date(0).toISOString() }
  return { id: name, object: 'model', created: 0, owned_by: 'sluice', ...ofAnthropic }
}

/**
 * Names a model as the client asked for it.
 *
 * @param json the answer of the upstream
 * @returns undefined if it does not describe the model
 */
export function describedModel(
  { members }: ListAnswer,
  requested: string,
  target: string,
  json: Buffer,
): Buffer | undefined {
  const answer = parsed(json)
  if (!isFields(answer) || own(answer, members.name) !== target) return undefined
  return requested === target ? json : Buffer.from(JSON.stringify(renamed(answer, target, requested)))
}

/** Replaces the name of a model in all members that are equal to it. */
function renamed(model: object, name: string, other: string): object {
  return Object.fromEntries(
    Object.entries(model).map(([member, value]) => [member, value === name ? other : value]),
  )
}

function parsed(json: Buffer): unknown {
  try {
    return JSON.parse(json.toString('utf8'))
  } catch {
    return undefined
  }
}
