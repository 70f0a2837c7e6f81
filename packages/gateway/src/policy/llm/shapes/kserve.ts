import { RequestError } from 'sluice'
import { countContent, countOtherMembers } from '../request/input-text.js'
import {
  checkedNumber,
  describeValue,
  listOf,
  own,
  statedFlag,
  statedMaximum,
} from '../request/json-fields.js'
import { rejectOtherCaseIn } from '../request/member-spelling.js'
import type { TokenCounter } from '../token-counter.js'
import { hasError } from './error-body.js'
import { textsWithin } from './output-text.js'
import { modelBeforeVersion } from './path-model.js'
import type { Reading, Shape } from './shape.js'

// The Open Inference Protocol of KServe and Triton, in which the path names the model:
// https://kserve.github.io/website/docs/concepts/architecture/data-plane/v2-protocol.

/** Maximum number of rows per request. */
const MAX_ROWS = 1_000_000_000

const INFER_MEMBERS: ReadonlySet<string> = new Set(['id', 'inputs', 'outputs', 'parameters'])

/**
 * The shape of `/v2/models/{model}/infer`. It counts the rows: the first dimension of the first
 * input. Text and integers of the inputs count as tokens.
 */
export const kserveInfer: Shape = {
  name: 'kserve-infer',
  vendor: undefined,
  operation: 'generate_content',
  errors: 'ollama',
  modelIn: modelBeforeVersion,
  usageOnRequest: false,
  counts: ['rows'],
  readRequest(body, input, path) {
    const inputs = own(body, 'inputs')
    if (!Array.isArray(inputs))
      throw new RequestError(`'inputs' must be a list, not ${describeValue(inputs)}`)
    rejectOtherCaseIn(body, '/inputs/0/shape')
    const [rows] = listOf(inputs[0], 'shape')
    for (const tensor of inputs) countTensor(tensor, input)
    countOtherMembers(body, INFER_MEMBERS, input)
    return {
      model: modelBeforeVersion(path)?.model,
      stream: false,
      wantsUsage: true,
      maxOutput: 0,
      answers: 1,
      rows: checkedNumber(rows, 'inputs[0].shape[0]', 0, MAX_ROWS) ?? 1,
    }
  },
  readResponse(body) {
    const failed = hasError(body)
    if (!Array.isArray(own(body, 'outputs')) && !failed) return undefined
    const texts = listOf(body, 'outputs').flatMap((tensor) => textsWithin(own(tensor, 'data')))
    return { usage: {}, texts, failed }
  },
  readEvent: () => undefined,
}

/** Types of tensors that contain words or the identifiers of tokens. */
const READ_TYPES = /^(BYTES|U?INT(8|16|32|64))$/

/** Counts the strings of a tensor, and each of its integers as a token. */
function countTensor(tensor: unknown, counter: TokenCounter): void {
  const type = own(tensor, 'datatype')
  if (typeof type === 'string' && !READ_TYPES.test(type)) return
  const rest: unknown[] = [own(tensor, 'data')]
  while (rest.length > 0) {
    const next = rest.pop()
    if (Array.isArray(next)) for (let at = next.length - 1; at >= 0; at -= 1) rest.push(next[at])
    else if (typeof next === 'number') counter.addTokens(1)
    else countContent(next, counter)
  }
}

const GENERATE_MEMBERS: ReadonlySet<string> = new Set(['id', 'parameters', 'text_input'])

/**
 * The shape of `/v2/models/{model}/generate` and `/generate_stream` of Triton:
 * https://docs.nvidia.com/deeplearning/triton-inference-server/user-guide/docs/protocol/extension_generate.html.
 */
export const kserveGenerate: Shape = {
  name: 'kserve-generate',
  vendor: undefined,
  operation: 'text_completion',
  errors: 'ollama',
  modelIn: modelBeforeVersion,
  usageOnRequest: false,
  readRequest(body, input, path) {
    const text = own(body, 'text_input')
    if (text === undefined) throw new RequestError("'text_input' is missing")
    rejectOtherCaseIn(body, '/parameters/max_tokens')
    countContent(text, input)
    countOtherMembers(body, GENERATE_MEMBERS, input)
    return {
      model: modelBeforeVersion(path)?.model,
      stream: /_stream$/i.test(path) || statedFlag(own(body, 'stream'), 'stream'),
      wantsUsage: true,
      maxOutput: statedMaximum([
        { name: 'max_tokens', value: own(body, 'max_tokens') },
        { name: 'parameters.max_tokens', value: own(own(body, 'parameters'), 'max_tokens') },
      ]),
      answers: 1,
    }
  },
  readResponse: readText,
  readEvent: readText,
}

function readText(value: unknown): Reading | undefined {
  const failed = hasError(value)
  const text = own(value, 'text_output')
  if (text === undefined && !failed) return undefined
  return { usage: {}, texts: textsWithin(text), failed }
}
