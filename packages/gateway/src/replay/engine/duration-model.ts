import { parseDuration } from 'sluice'
import { TraceError, type TraceRequest } from '../trace/trace-request.js'

/** How long a request runs whose duration was not recorded, in milliseconds. */
export type DurationModel = (request: TraceRequest) => number

/**
 * Reads how long requests run: a sum of lengths of time, each for the request or for each of its tokens, such as
 * `400ms + 25ms/output_token`.
 *
 * @throws TraceError that says what would be right.
 */
export function readDurationModel(text: string): DurationModel {
  let fixed = 0
  let ofInput = 0
  let ofOutput = 0
  for (const term of text.split('+')) {
    const [length = '', per, ...more] = term.split('/').map((part) => part.trim())
    const milliseconds = lengthOf(length)
    if (milliseconds === undefined || more.length > 0) throw notAModel(text)
    if (per === undefined) fixed += milliseconds
    else if (per === 'input_token') ofInput += milliseconds
    else if (per === 'output_token') ofOutput += milliseconds
    else throw notAModel(text)
  }
  return ({ input = 0, output = 0 }) => fixed + ofInput * input + ofOutput * output
}

function lengthOf(text: string): number | undefined {
  if (text === '0') return 0
  try {
    return parseDuration(text)
  } catch {
    return undefined
  }
}

function notAModel(text: string): TraceError {
  return new TraceError(
    `'${text.slice(0, 60)}' says not how long requests run; write for example 2s, or 400ms + 25ms/output_token`,
  )
}
