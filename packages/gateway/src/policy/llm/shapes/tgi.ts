import { RequestError } from 'sluice'
import { countContent, countOtherMembers } from '../request/input-text.js'
import {
  checkedNumber,
  isFields,
  listOf,
  MAX_ANSWERS,
  own,
  statedFlag,
  statedMaximum,
  statedModel,
} from '../request/json-fields.js'
import { rejectOtherCaseIn } from '../request/member-spelling.js'
import { tokenCount, type Usage } from '../usage.js'
import { hasError } from './error-body.js'
import { textsIn } from './output-text.js'
import type { Reading, Shape } from './shape.js'

const COUNTED: ReadonlySet<string> = new Set(['inputs', 'parameters'])

/**
 * The shape of `/generate` and `/generate_stream` of Text Generation Inference:
 * https://huggingface.github.io/text-generation-inference/.
 */
export const tgiGenerate: Shape = {
  name: 'tgi-generate',
  vendor: undefined,
  operation: 'text_completion',
  errors: 'ollama',
  usageOnRequest: false,
  readRequest(body, input, path) {
    const inputs = own(body, 'inputs')
    if (inputs === undefined) throw new RequestError("'inputs' is missing")
    for (const name of PARAMETERS) rejectOtherCaseIn(body, `/parameters/${name}`)
    const parameters = own(body, 'parameters')
    countContent(inputs, input)
    // A grammar, such as a JSON schema, may be part of the prompt.
    countContent(own(parameters, 'grammar'), input)
    countOtherMembers(body, COUNTED, input)
    const [maximum, bestOf] = PARAMETERS.map((name) => own(parameters, name))
    return {
      model: statedModel(own(body, 'model')),
      stream: /_stream$/i.test(path) || statedFlag(own(body, 'stream'), 'stream'),
      wantsUsage: true,
      maxOutput: statedMaximum([{ name: 'parameters.max_new_tokens', value: maximum }]),
      answers: checkedNumber(bestOf, 'parameters.best_of', 1, MAX_ANSWERS) ?? 1,
    }
  },
  readResponse: (body) => (Array.isArray(body) ? read(body[0]) : read(body)),
  readEvent: read,
}

const PARAMETERS = ['max_new_tokens', 'best_of'] as const

function read(value: unknown): Reading | undefined {
  const failed = hasError(value)
  const token = own(value, 'token')
  const isAnswer = isFields(token) || typeof own(value, 'generated_text') === 'string'
  if (!isAnswer && !failed) return undefined
  // The last event repeats the text of all tokens.
  const texts = isFields(token) ? textsIn(token, ['text']) : textsIn(value, ['generated_text'])
  return { usage: usageOf(own(value, 'details')), texts, failed }
}

/** Reads the usage, which only the last event of a stream has. */
function usageOf(details: unknown): Usage {
  const input = tokenCount(details, 'input_length') ?? (listOf(details, 'prefill').length || undefined)
  return { input, output: tokenCount(details, 'generated_tokens') }
}
