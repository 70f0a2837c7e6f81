import { randomInt } from 'node:crypto'
import { messages } from './messages.js'
import { isObject, type Place, type Problem } from './validation.js'

/** A request to POST /v1/chat/completions, with defaults applied. */
export interface ChatRequest {
  /** Contents of all messages, separated by empty lines. */
  readonly prompt: string
  readonly maxTokens: number
  readonly temperature: number
  readonly seed: number
  readonly stops: readonly string[]
  readonly ignoreEnd: boolean
  readonly stream: boolean
  readonly includeUsage: boolean
}

const DEFAULT_MAX_TOKENS = 256
const DEFAULT_TEMPERATURE = 0.7
const MAX_TOKENS_LIMIT = 1_000_000
const STOPS_LIMIT = 4
const STOP_LENGTH_LIMIT = 256

/**
 * Parses a body of OpenAI's API. Unknown fields are ignored, and `null` counts as absent.
 * `max_completion_tokens` overrides `max_tokens`. `ignore_eos`, as in vLLM, continues to the
 * maximum length.
 */
export function chatRequest(body: unknown, loc: Place, problems: Problem[]): ChatRequest {
  if (!isObject(body)) problems.push({ loc, msg: 'should be an object with "messages"' })
  const fields = new Fields(isObject(body) ? body : {}, loc, problems)
  const prompt = isObject(body) ? messages(body.messages, [...loc, 'messages'], problems) : ''
  const olderMaxTokens = fields.integer('max_tokens', 1, MAX_TOKENS_LIMIT)
  const maxTokens = fields.integer('max_completion_tokens', 1, MAX_TOKENS_LIMIT) ?? olderMaxTokens
  fields.integer('n', 1, 1)
  const stream = fields.boolean('stream')
  return {
    prompt,
    maxTokens: maxTokens ?? DEFAULT_MAX_TOKENS,
    temperature: fields.number('temperature', 0, 2) ?? DEFAULT_TEMPERATURE,
    seed: fields.integer('seed', Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER) ?? randomInt(2 ** 32),
    stops: fields.texts('stop', STOPS_LIMIT, STOP_LENGTH_LIMIT),
    ignoreEnd: fields.boolean('ignore_eos'),
    stream,
    includeUsage: includesUsage(fields, stream),
  }
}

function includesUsage(fields: Fields, stream: boolean): boolean {
  const options = fields.object('stream_options')
  if (!options) return false
  if (!stream) fields.note('stream_options', 'is only allowed where "stream" is true')
  return options.boolean('include_usage')
}

/** Reads the optional fields of an object. An invalid field is reported and treated as absent. */
class Fields {
  readonly #fields: Readonly<Record<string, unknown>>
  readonly #loc: Place
  readonly #problems: Problem[]

  constructor(fields: Readonly<Record<string, unknown>>, loc: Place, problems: Problem[]) {
    this.#fields = fields
    this.#loc = loc
    this.#problems = problems
  }

  note(name: string, msg: string): void {
    this.#problems.push({ loc: [...this.#loc, name], msg })
  }

  number(name: string, least: number, most: number): number | undefined {
    const value = this.#value(name)
    if (value === undefined) return undefined
    if (typeof value === 'number' && value >= least && value <= most) return value
    this.note(name, `should be a number from ${least} to ${most}`)
    return undefined
  }

  integer(name: string, least: number, most: number): number | undefined {
    const value = this.#value(name)
    if (value === undefined) return undefined
    if (Number.isInteger(value) && (value as number) >= least && (value as number) <= most) {
      return value as number
    }
    this.note(name, least === most ? `should be ${least}` : `should be an integer from ${least} to ${most}`)
    return undefined
  }

  boolean(name: string): boolean {
    const value = this.#value(name) ?? false
    if (typeof value === 'boolean') return value
    this.note(name, 'should be true or false')
    return false
  }

  texts(name: string, most: number, length: number): string[] {
    const value = this.#value(name) ?? []
    const list: unknown[] = Array.isArray(value) ? value : [value]
    const texts = list.filter(
      (text): text is string => typeof text === 'string' && text !== '' && text.length <= length,
    )
    if (texts.length === list.length && texts.length <= most) return texts
    this.note(name, `should be a text or a list of at most ${most}, each of 1 to ${length} characters`)
    return []
  }

  object(name: string): Fields | undefined {
    const value = this.#value(name)
    if (value === undefined) return undefined
    if (isObject(value)) return new Fields(value, [...this.#loc, name], this.#problems)
    this.note(name, 'should be an object')
    return undefined
  }

  #value(name: string): unknown {
    return this.#fields[name] ?? undefined
  }
}
