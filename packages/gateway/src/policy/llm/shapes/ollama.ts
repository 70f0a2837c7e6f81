import { RequestError } from 'sluice'
import {
  ATTACHMENT_TOKENS,
  countContent,
  countFormat,
  countOtherMembers,
  countPrompts,
  countStructure,
} from '../request/input-text.js'
import {
  describeValue,
  type Fields,
  isFields,
  listOf,
  maximumOf,
  own,
  statedFlag,
  statedModel,
} from '../request/json-fields.js'
import type { TokenCounter } from '../token-counter.js'
import { tokenCount } from '../usage.js'
import { hasError } from './error-body.js'
import { messageTexts, textsIn } from './output-text.js'
import type { CallParameters, Reading, Shape } from './shape.js'
import { ollamaEnding } from './stream-ending.js'

// Ollama's API. It streams by default: one JSON value per line, the last with the usage.

/** Members that are counted separately. `countOtherMembers` counts the others. */
const CHAT_COUNTED: ReadonlySet<string> = new Set(['messages', 'tools', 'format'])
const PROMPT_MEMBERS = ['prompt', 'suffix', 'system', 'template'] as const
const PROMPT_COUNTED: ReadonlySet<string> = new Set([...PROMPT_MEMBERS, 'context', 'images', 'format'])
const EMBED_COUNTED: ReadonlySet<string> = new Set(['input', 'prompt'])

/** The shape of `POST /api/chat`. */
export const ollamaChat: Shape = {
  name: 'ollama-chat',
  vendor: 'ollama',
  operation: 'chat',
  usageOnRequest: false,
  endingOf: ollamaEnding({ message: { role: 'assistant', content: '' } }),
  readRequest(body, input) {
    const messages = own(body, 'messages')
    // A request without messages loads or unloads the model.
    if (messages !== undefined && messages !== null && !Array.isArray(messages))
      throw new RequestError(`'messages' must be a list, not ${describeValue(messages)}`)
    for (const message of listOf(body, 'messages')) {
      countContent(isFields(message) ? { ...message, images: undefined } : message, input)
      countImages(own(message, 'images'), input)
    }
    countStructure(own(body, 'tools'), input)
    countFormat(own(body, 'format'), input)
    countOtherMembers(body, CHAT_COUNTED, input)
    return callParameters(body)
  },
  readResponse: read,
  readEvent: read,
}

/** The shape of `POST /api/generate`. */
export const ollamaGenerate: Shape = {
  name: 'ollama-generate',
  vendor: 'ollama',
  operation: 'text_completion',
  usageOnRequest: false,
  endingOf: ollamaEnding({ response: '' }),
  readRequest(body, input) {
    for (const name of PROMPT_MEMBERS) countContent(own(body, name), input)
    countPrompts(own(body, 'context'), input)
    countImages(own(body, 'images'), input)
    countFormat(own(body, 'format'), input)
    countOtherMembers(body, PROMPT_COUNTED, input)
    return callParameters(body)
  },
  readResponse: read,
  readEvent: read,
}

/** The shape of `POST /api/embed` and of the older `/api/embeddings`, which reports no usage. */
export const ollamaEmbed: Shape = {
  name: 'ollama-embed',
  vendor: 'ollama',
  operation: 'embeddings',
  usageOnRequest: false,
  readRequest(body, input) {
    const texts = own(body, 'input') ?? own(body, 'prompt')
    if (texts === undefined || texts === null) throw new RequestError("'input' is missing")
    countPrompts(texts, input)
    countOtherMembers(body, EMBED_COUNTED, input)
    return { ...callParameters(body), stream: false, maxOutput: 0 }
  },
  readResponse(body) {
    const failed = hasError(body)
    if (!failed && !Array.isArray(own(body, 'embeddings')) && !Array.isArray(own(body, 'embedding')))
      return undefined
    return { usage: { input: tokenCount(body, 'prompt_eval_count'), output: 0 }, texts: [], failed }
  },
  readEvent: () => undefined,
}

function callParameters(body: Fields): CallParameters {
  const stream = own(body, 'stream')
  return {
    model: statedModel(own(body, 'model')),
    stream: stream === undefined || stream === null || statedFlag(stream, 'stream'),
    wantsUsage: true,
    maxOutput: maximumOf(own(body, 'options'), 'num_predict'),
    answers: 1,
  }
}

/**
 * Counts a fixed number of tokens per image, since the size in bytes does not predict the number.
 */
function countImages(images: unknown, input: TokenCounter): void {
  for (const image of Array.isArray(images) ? images : [images]) {
    if (typeof image === 'string') input.addTokens(ATTACHMENT_TOKENS)
    else countContent(image, input)
  }
}

function read(value: unknown): Reading | undefined {
  const message = own(value, 'message')
  const failed = hasError(value)
  const isPart = isFields(message) || typeof own(value, 'response') === 'string'
  if (!isPart && typeof own(value, 'done') !== 'boolean' && !failed) return undefined
  return {
    usage: { input: tokenCount(value, 'prompt_eval_count'), output: tokenCount(value, 'eval_count') },
    texts: [...messageTexts(message), ...textsIn(value, ['response', 'thinking'])],
    failed,
  }
}
