import { RequestError } from 'sluice'
import {
  describeValue,
  type Fields,
  isFields,
  MAX_ANSWERS,
  own,
  statedFlag,
  statedModel,
  statedNumber,
} from '../request/json-fields.js'
import { tokenCount, type Usage } from '../usage.js'
import { hasError } from './error-body.js'
import type { CallParameters } from './shape.js'

/** Reads the members that all OpenAI requests share. @throws RequestError */
export function openAICallParameters(
  body: Fields,
  maxOutput: number | undefined,
  answers: number,
): CallParameters {
  const options = own(body, 'stream_options')
  if (options !== undefined && options !== null && !isFields(options))
    throw new RequestError(`'stream_options' must be an object, not ${describeValue(options)}`)
  return {
    model: statedModel(own(body, 'model')),
    stream: statedFlag(own(body, 'stream'), 'stream'),
    wantsUsage: statedFlag(own(options, 'include_usage'), 'stream_options.include_usage'),
    maxOutput,
    answers,
  }
}

export function statedAnswers(body: Fields, name: string): number {
  return statedNumber(body, name, 1, MAX_ANSWERS) ?? 1
}

/** Reads the usage of chat completions, completions and embeddings. */
export function openAIUsage(value: unknown): Usage {
  const usage = own(value, 'usage')
  return {
    input: tokenCount(usage, 'prompt_tokens'),
    output: tokenCount(usage, 'completion_tokens'),
    cached: tokenCount(own(usage, 'prompt_tokens_details'), 'cached_tokens'),
    reasoning: tokenCount(own(usage, 'completion_tokens_details'), 'reasoning_tokens'),
    total: tokenCount(usage, 'total_tokens'),
  }
}

/**
 * Reports whether an event is the usage event that `stream_options.include_usage` requests: it has
 * `usage` but no `choices`; servers send `choices` as an empty list or null, or omit it.
 */
export function isUsageEvent(data: unknown): boolean {
  const choices = own(data, 'choices')
  return isFields(own(data, 'usage')) && !(Array.isArray(choices) && choices.length > 0) && !hasError(data)
}
