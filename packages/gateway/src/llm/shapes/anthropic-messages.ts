import { RequestError } from 'sluice'
import { listOf, MAX_TOKENS, own, shown, statedFlag, statedModel, statedNumber } from '../request/fields.js'
import { countContent, countStructure, structureTexts } from '../request/input-text.js'
import { tokenCount, type Usage } from '../usage.js'
import { textsIn } from './openai-fields.js'
import type { Reading, Shape } from './shape.js'

/** `POST /v1/messages`. */
export const anthropicMessages: Shape = {
  name: 'anthropic-messages',
  usageOnRequest: false,
  ask(body, input) {
    const messages = own(body, 'messages')
    if (!Array.isArray(messages)) throw new RequestError(`'messages' is a list, not ${shown(messages)}`)
    countContent(messages, input)
    countContent(own(body, 'system'), input)
    countStructure(own(body, 'tools'), input)
    return {
      model: statedModel(own(body, 'model')),
      stream: statedFlag(own(body, 'stream'), 'stream'),
      // Every stream has its usage, whoever asks.
      wantsUsage: true,
      maxOutput: statedNumber(body, 'max_tokens', 0, MAX_TOKENS),
      answers: 1,
    }
  },
  answer(body) {
    const failed = own(body, 'type') === 'error'
    if (!Array.isArray(own(body, 'content')) && !failed) return undefined
    const usage = own(body, 'usage')
    return {
      usage: { ...inputOf(usage), output: tokenCount(usage, 'output_tokens') },
      texts: listOf(body, 'content').flatMap((block) => {
        return [...textsOf(block), ...structureTexts(own(block, 'input'))]
      }),
      failed,
    }
  },
  event(data) {
    const type = own(data, 'type')
    return typeof type === 'string' ? read(type, data) : undefined
  },
}

function read(type: string, data: unknown): Reading {
  switch (type) {
    case 'message_start':
      // Its `output_tokens` are of text that is still to come, and is counted when it comes.
      return { usage: inputOf(own(own(data, 'message'), 'usage')), texts: [], failed: false }
    case 'content_block_start':
      return { usage: {}, texts: textsOf(own(data, 'content_block')), failed: false }
    case 'content_block_delta':
      return { usage: {}, texts: textsOf(own(data, 'delta')), failed: false }
    case 'message_delta': {
      const usage = own(data, 'usage')
      return {
        usage: { ...inputOf(usage), output: tokenCount(usage, 'output_tokens') },
        texts: [],
        failed: false,
      }
    }
    default:
      return { usage: {}, texts: [], failed: type === 'error' }
  }
}

function textsOf(part: unknown): string[] {
  return textsIn(part, ['text', 'thinking', 'partial_json', 'name'])
}

/** Here `input_tokens` leaves out what was read from the cache and what was written to it. */
function inputOf(usage: unknown): Usage {
  const fresh = tokenCount(usage, 'input_tokens')
  if (fresh === undefined) return {}
  const cached = tokenCount(usage, 'cache_read_input_tokens') ?? 0
  return { input: fresh + (tokenCount(usage, 'cache_creation_input_tokens') ?? 0) + cached, cached }
}
