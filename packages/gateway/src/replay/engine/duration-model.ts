import { parseDuration } from 'sluice'
import { TraceError, type TraceRequest } from '../trace/trace-request.js'

/** Estimates the duration of a request in milliseconds. */
export type DurationModel = (request: TraceRequest) => number

/**
 * Parses a duration model: a sum of durations, each per request or per token, such as
 * `400ms + 25ms/output_token`.
 *
 * @throws TraceError if the model is invalid
 */
export function parseDurationModel(text: string): DurationModel {
  let fixed = 0
  let perInputToken = 0
  let perOutputToken = 0
  for (const term of text.split('+')) {
    const [duration = '', per, ...more] = term.split('/').map((part) => part.trim())
    const milliseconds = parseTermDuration(duration)
    if (milliseconds === undefined || more.length > 0) throw invalidModel(text)
    if (per === undefined) fixed += milliseconds
    else if (per === 'input_token') perInputToken += milliseconds
    else if (per === 'output_token') perOutputToken += milliseconds
    else throw invalidModel(text)
  }
  return ({ input = 0, output = 0 }) => fixed + perInputToken * input + perOutputToken * output
}

function parseTermDuration(text: string): number | undefined {
  if (text === '0') return 0
  try {
    return parseDuration(text)
  } catch {
    return undefined
  }
}

function invalidModel(text: string): TraceError {
  return new TraceError(
    `'${text.slice(0, 60)}' is not a valid duration; write, for example, 2s or 400ms + 25ms/output_token`,
  )
}
