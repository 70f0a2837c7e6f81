import { RequestError } from 'sluice'
import { countContent, countOtherMembers } from '../request/input-text.js'
import { describeValue, isFields, own } from '../request/json-fields.js'
import { tokenCount } from '../usage.js'
import { hasError } from './error-body.js'
import { openAICallParameters } from './openai-fields.js'
import type { Reading, Shape } from './shape.js'

const COUNTED: ReadonlySet<string> = new Set(['input', 'voice', 'response_format', 'stream_format'])

/**
 * The shape of `POST /v1/audio/speech`: https://platform.openai.com/docs/api-reference/audio. It
 * counts the characters of the input. The answer is audio, or a stream of events with the usage.
 */
export const openAISpeech: Shape = {
  name: 'openai-speech',
  vendor: 'openai',
  operation: 'generate_content',
  usageOnRequest: false,
  counts: ['characters'],
  hasPlainAnswers: true,
  readRequest(body, input) {
    const text = own(body, 'input')
    if (typeof text !== 'string')
      throw new RequestError(`'input' must be a string, not ${describeValue(text)}`)
    countContent(text, input)
    countOtherMembers(body, COUNTED, input)
    const parameters = openAICallParameters(body, 0, 1)
    return { ...parameters, stream: own(body, 'stream_format') === 'sse', characters: text.length }
  },
  readResponse: read,
  readEvent: read,
}

function read(value: unknown): Reading | undefined {
  const failed = hasError(value)
  const type = own(value, 'type')
  const isEvent = typeof type === 'string' && type.startsWith('speech.audio.')
  const usage = own(value, 'usage')
  if (!isEvent && !isFields(usage) && !failed) return undefined
  const counts = { input: tokenCount(usage, 'input_tokens'), output: tokenCount(usage, 'output_tokens') }
  return { usage: counts, texts: [], failed }
}
