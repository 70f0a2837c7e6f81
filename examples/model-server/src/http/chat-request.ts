import { randomInt } from 'node:crypto'
import { joinMessages } from './messages.js'
import { isObject, type Position, type Problem } from './validation.js'

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
const MAX_OUTPUT_TOKENS = 1_000_000
const MAX_STOPS = 4
const MAX_STOP_LENGTH = 256

/**
 * Parses a body of OpenAI's API. Unknown fields are ignored, and `null` counts as absent.
 * `max_completion_tokens` overrides `max_tokens`. As in vLLM, `ignore_eos` continues up to the
 * maximum length.
 */
export function chatRequest(body: unknown, loc: Position, problems: Problem[]): ChatRequest {
  if (!isObject(body)) problems.push({ loc, msg: 'should be an object with "messages"' })
  const fields = new Fields(isObject(body) ? body : {}, loc, problems)
  const prompt = isObject(body) ? joinMessages(body.messages, [...loc, 'messages'], problems) : ''
  const legacyMaxTokens = fields.integer('max_tokens', 1, MAX_OUTPUT_TOKENS)
  const maxTokens = fields.integer('max_completion_tokens', 1, MAX_OUTPUT_TOKENS) ?? legacyMaxTokens
  fields.integer('n', 1, 1)
  const stream = fields.boolean('stream')
  return {
    prompt,
    maxTokens: maxTokens ?? DEFAULT_MAX_TOKENS,
    temperature: fields.number('temperature', 0, 2) ?? DEFAULT_TEMPERATURE,
    seed: fields.integer('seed', Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER) ?? randomInt(2 ** 32),
    stops: fields.strings('stop', MAX_STOPS, MAX_STOP_LENGTH),
    ignoreEnd: fields.boolean('ignore_eos'),
    stream,
    includeUsage: includesUsage(fields, stream),
  }
}

function includesUsage(fields: Fields, stream: boolean): boolean {
  const options = fields.object('stream_options')
  if (!options) return false
  if (!stream) fields.report('stream_options', 'is allowed only if "stream" is true')
  return options.boolean('include_usage')
}

/** Reads the optional fields of an object. An invalid field is reported and treated as absent. */
class Fields {
  readonly #fields: Readonly<Record<string, unknown>>
  readonly #loc: Position
  readonly #problems: Problem[]

  constructor(fields: Readonly<Record<string, unknown>>, loc: Position, problems: Problem[]) {
    this.#fields = fields
    this.#loc = loc
    this.#problems = problems
  }

  report(name: string, msg: string): void {
    this.#problems.push({ loc: [...this.#loc, name], msg })
  }

  number(name: string, min: number, max: number): number | undefined {
    const value = this.#value(name)
    if (value === undefined) return undefined
    if (typeof value === 'number' && value >= min && value <= max) return value
    this.report(name, `should be a number from ${min} to ${max}`)
    return undefined
  }

  integer(name: string, min: number, max: number): number | undefined {
    const value = this.#value(name)
    if (value === undefined) return undefined
    if (Number.isInteger(value) && (value as number) >= min && (value as number) <= max) {
      return value as number
    }
    this.report(name, min === max ? `should be ${min}` : `should be an integer from ${min} to ${max}`)
    return undefined
  }

  boolean(name: string): boolean {
    const value = this.#value(name) ?? false
    if (typeof value === 'boolean') return value
    this.report(name, 'should be true or false')
    return false
  }

  strings(name: string, max: number, maxLength: number): string[] {
    const value = this.#value(name) ?? []
    const list: unknown[] = Array.isArray(value) ? value : [value]
    const strings = list.filter(
      (item): item is string => typeof item === 'string' && item !== '' && item.length <= maxLength,
    )
    if (strings.length === list.length && strings.length <= max) return strings
    this.report(
      name,
      `should be a string or a list of at most ${max} strings, each of 1 to ${maxLength} characters`,
    )
    return []
  }

  object(name: string): Fields | undefined {
    const value = this.#value(name)
    if (value === undefined) return undefined
    if (isObject(value)) return new Fields(value, [...this.#loc, name], this.#problems)
    this.report(name, 'should be an object')
    return undefined
  }

  #value(name: string): unknown {
    return this.#fields[name] ?? undefined
  }
}
