import { countContent, countFormat, countOtherMembers, countStructure } from '../request/input-text.js'
import { listOf, maximumOf, own, statedFlag } from '../request/json-fields.js'
import { tokenCount, type Usage } from '../usage.js'
import { hasError } from './error-body.js'
import { askedOpenAI } from './openai-fields.js'
import { callTexts, textsIn, textsWithin } from './output-text.js'
import type { Shape } from './shape.js'

/** States of a response whose cost is not known yet. */
const UNFINISHED: ReadonlySet<unknown> = new Set(['queued', 'in_progress'])

const COUNTED: ReadonlySet<string> = new Set(['instructions', 'input', 'prompt', 'tools', 'text'])

/** `POST /v1/responses`. What an earlier response adds to the input is known to the upstream alone. */
export const openAIResponses: Shape = {
  name: 'openai-responses',
  usageOnRequest: false,
  ask(body, input) {
    countContent(own(body, 'instructions'), input)
    countContent(own(body, 'input'), input)
    countContent(own(own(body, 'prompt'), 'variables'), input)
    countStructure(own(body, 'tools'), input)
    countFormat(own(own(body, 'text'), 'format'), input)
    countOtherMembers(body, COUNTED, input)
    return {
      ...askedOpenAI(body, maximumOf(body, 'max_output_tokens'), 1),
      background: statedFlag(own(body, 'background'), 'background'),
    }
  },
  answer(body) {
    const status = own(body, 'status')
    if (UNFINISHED.has(status)) return { usage: {}, texts: [], failed: false, unfinished: true }
    const failed = hasError(body) || status === 'failed'
    if (!Array.isArray(own(body, 'output')) && !failed) return undefined
    return { usage: usageOf(body), texts: outputTexts(body), failed }
  },
  event(data) {
    const type = own(data, 'type')
    if (typeof type !== 'string') return undefined
    const failed = type === 'error' || type === 'response.failed' || hasError(data)
    const response = own(data, 'response')
    const usage = usageOf(response)
    if (ENDS.has(type)) return { usage, texts: outputTexts(response), failed, repeats: true }
    return { usage, texts: eventTexts(type, data), failed }
  },
}

/** The last events of a stream, each with the whole response. */
const ENDS: ReadonlySet<string> = new Set(['response.completed', 'response.incomplete', 'response.failed'])

/** What an event adds to the output: all deltas but those of sounds, and the name of a tool that is called. */
function eventTexts(type: string, data: unknown): string[] {
  if (type === 'response.output_item.added') return textsIn(own(data, 'item'), ['name'])
  const isWritten = type.endsWith('.delta') && !type.endsWith('audio.delta')
  return isWritten ? textsWithin(own(data, 'delta')).filter((text) => text !== '') : []
}

function usageOf(response: unknown): Usage {
  const usage = own(response, 'usage')
  return {
    input: tokenCount(usage, 'input_tokens'),
    output: tokenCount(usage, 'output_tokens'),
    cached: tokenCount(own(usage, 'input_tokens_details'), 'cached_tokens'),
    total: tokenCount(usage, 'total_tokens'),
  }
}

function outputTexts(response: unknown): string[] {
  return listOf(response, 'output').flatMap((item) => [
    ...callTexts(item),
    ...textsIn(item, ['code', 'text']),
    ...[...listOf(item, 'content'), ...listOf(item, 'summary')].flatMap((part) =>
      textsIn(part, ['text', 'refusal', 'transcript']),
    ),
  ])
}
