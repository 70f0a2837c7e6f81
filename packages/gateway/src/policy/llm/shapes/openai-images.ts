import { RequestError } from 'sluice'
import { ATTACHMENT_TOKENS, countContent, countOtherMembers } from '../request/input-text.js'
import { describeValue, own } from '../request/json-fields.js'
import { tokenCount } from '../usage.js'
import { hasError } from './error-body.js'
import { openAICallParameters, statedAnswers } from './openai-fields.js'
import type { Reading, Shape } from './shape.js'

/** Members that are counted separately, and settings that no model reads. */
const COUNTED: ReadonlySet<string> = new Set([
  ...['prompt', 'image', 'images', 'mask', 'size', 'quality', 'style', 'background', 'moderation'],
  ...['response_format', 'output_format', 'input_fidelity'],
])

/**
 * The shape of `POST /v1/images/generations`, `/v1/images/edits` and `/v1/images/variations`:
 * https://platform.openai.com/docs/api-reference/images. It counts the images. Only some models
 * report tokens.
 */
export const openAIImages: Shape = {
  name: 'openai-images',
  vendor: 'openai',
  operation: 'generate_content',
  usageOnRequest: false,
  counts: ['images'],
  readRequest(body, input, path) {
    const prompt = own(body, 'prompt')
    if (prompt === undefined && !/\/variations$/i.test(path)) throw new RequestError("'prompt' is missing")
    const images = statedAnswers(body, 'n')
    countContent(prompt, input)
    countOtherMembers(body, COUNTED, input)
    return { ...openAICallParameters(body, undefined, images), images }
  },
  readForm(form, input) {
    const n = form.text('n')
    if (n !== undefined && !/^[1-9]\d{0,2}$/.test(n))
      throw new RequestError(`'n' must be a whole number from 1 to 999, not ${describeValue(n)}`)
    const images = Number(n ?? 1)
    input.addText(form.text('prompt') ?? '')
    for (const name of ['image', 'mask']) input.addTokens(form.files(name).length * ATTACHMENT_TOKENS)
    return {
      model: form.text('model'),
      stream: form.text('stream')?.toLowerCase() === 'true',
      wantsUsage: true,
      maxOutput: undefined,
      answers: images,
      images,
    }
  },
  readResponse: (body) => readImages(body, Array.isArray(own(body, 'data'))),
  readEvent(data) {
    const type = own(data, 'type')
    return readImages(data, typeof type === 'string' && type.startsWith('image_'))
  },
}

function readImages(value: unknown, isAnswer: boolean): Reading | undefined {
  const failed = hasError(value)
  if (!isAnswer && !failed) return undefined
  const usage = own(value, 'usage')
  return {
    usage: {
      input: tokenCount(usage, 'input_tokens'),
      output: tokenCount(usage, 'output_tokens'),
      total: tokenCount(usage, 'total_tokens'),
    },
    texts: [],
    failed,
  }
}
