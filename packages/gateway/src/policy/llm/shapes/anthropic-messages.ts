import { RequestError } from 'sluice'
import { countContent, countOtherMembers, countStructure, structureStrings } from '../request/input-text.js'
import { describeValue, listOf, maximumOf, own, statedFlag, statedModel } from '../request/json-fields.js'
import { tokenCount, type Usage } from '../usage.js'
import { hasError } from './error-body.js'
import { textsIn } from './output-text.js'
import type { Reading, Shape } from './shape.js'
import { messagesEnding } from './stream-ending.js'

const COUNTED: ReadonlySet<string> = new Set(['messages', 'system', 'tools'])

/** The shape of `POST /v1/messages`. */
export const anthropicMessages: Shape = {
  name: 'anthropic-messages',
  vendor: 'anthropic',
  operation: 'chat',
  usageOnRequest: false,
  endingOf: messagesEnding,
  readRequest(body, input) {
    const messages = own(body, 'messages')
    if (!Array.isArray(messages))
      throw new RequestError(`'messages' must be a list, not ${describeValue(messages)}`)
    countContent(messages, input)
    countContent(own(body, 'system'), input)
    countStructure(own(body, 'tools'), input)
    countOtherMembers(body, COUNTED, input)
    return {
      model: statedModel(own(body, 'model')),
      stream: statedFlag(own(body, 'stream'), 'stream'),
      // Every stream includes its usage.
      wantsUsage: true,
      maxOutput: maximumOf(body, 'max_tokens'),
      answers: 1,
    }
  },
  readResponse(body) {
    const failed = own(body, 'type') === 'error' || hasError(body)
    if (!Array.isArray(own(body, 'content')) && !failed) return undefined
    return {
      usage: usageOf(own(body, 'usage')),
      texts: listOf(body, 'content').flatMap(blockTexts),
      failed,
    }
  },
  readEvent(data) {
    const type = own(data, 'type')
    return typeof type === 'string' ? read(type, data) : undefined
  },
}

function read(type: string, data: unknown): Reading {
  const failed = type === 'error' || hasError(data)
  switch (type) {
    case 'message_start': {
      // Its `output_tokens` belong to text that arrives later and is counted then.
      const { input, cached, cacheWrite } = usageOf(own(own(data, 'message'), 'usage'))
      return { usage: { input, cached, cacheWrite }, texts: [], failed }
    }
    case 'content_block_start':
      return { usage: {}, texts: blockTexts(own(data, 'content_block')), failed }
    case 'content_block_delta':
      return { usage: {}, texts: deltaTexts(own(data, 'delta')), failed }
    case 'message_delta':
      return { usage: usageOf(own(data, 'usage')), texts: [], failed }
    default:
      return { usage: {}, texts: [], failed }
  }
}

/**
 * Lists the strings of a block. The input of a tool call is either complete in its block, or empty
 * and sent in deltas.
 */
function blockTexts(block: unknown): string[] {
  return [...textsIn(block, ['text', 'thinking', 'name']), ...structureStrings(own(block, 'input'))]
}

function deltaTexts(delta: unknown): string[] {
  return [
    ...textsIn(delta, ['text', 'thinking', 'partial_json', 'content']),
    ...textsIn(own(delta, 'citation'), ['cited_text']),
  ]
}

/** Reads the usage. `input_tokens` excludes tokens read from the cache and written to it. */
function usageOf(usage: unknown): Usage {
  const fresh = tokenCount(usage, 'input_tokens')
  const cacheWrite = tokenCount(usage, 'cache_creation_input_tokens')
  const cached = tokenCount(usage, 'cache_read_input_tokens')
  const parts = [fresh, cacheWrite, cached].filter((count) => count !== undefined)
  const input = parts.length === 0 ? undefined : parts.reduce((sum, count) => sum + count, 0)
  return { input, cached, cacheWrite, output: tokenCount(usage, 'output_tokens') }
}
