import { listOf, MAX_TOKENS, own, statedFlag, statedNumber } from '../request/fields.js'
import { countContent, countStructure } from '../request/input-text.js'
import { tokenCount, type Usage } from '../usage.js'
import { askedOpenAI, tellsOfError, textsIn } from './openai-fields.js'
import type { Shape } from './shape.js'

/** Events whose `delta` is not what a model writes as text but bytes in base64. */
const BYTES: ReadonlySet<string> = new Set(['response.audio.delta', 'response.output_audio.delta'])

const UNFINISHED: ReadonlySet<unknown> = new Set(['queued', 'in_progress'])

/** `POST /v1/responses`. What an earlier response adds to the input is known to the upstream alone. */
export const openAIResponses: Shape = {
  name: 'openai-responses',
  usageOnRequest: false,
  ask(body, input) {
    countContent(own(body, 'instructions'), input)
    countContent(own(body, 'input'), input)
    countContent(own(own(body, 'prompt'), 'variables'), input)
    countStructure(own(body, 'tools'), input)
    countStructure(own(own(own(body, 'text'), 'format'), 'schema'), input)
    return {
      ...askedOpenAI(body, statedNumber(body, 'max_output_tokens', 0, MAX_TOKENS), 1),
      background: statedFlag(own(body, 'background'), 'background'),
    }
  },
  answer(body) {
    // What goes on in the background says nothing yet of what it will have cost.
    if (UNFINISHED.has(own(body, 'status'))) return undefined
    const failed = tellsOfError(body) || own(body, 'status') === 'failed'
    if (!Array.isArray(own(body, 'output')) && !failed) return undefined
    return { usage: usageOf(body), texts: listOf(body, 'output').flatMap(textsOf), failed }
  },
  event(data) {
    const type = own(data, 'type')
    if (typeof type !== 'string') return undefined
    const response = own(data, 'response')
    const isText = type.endsWith('.delta') && !BYTES.has(type)
    return {
      usage: usageOf(response),
      texts: isText ? textsIn(data, ['delta']) : [],
      failed: type === 'error' || type === 'response.failed',
    }
  },
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

function textsOf(item: unknown): string[] {
  return [
    ...textsIn(item, ['name', 'arguments', 'input']),
    ...[...listOf(item, 'content'), ...listOf(item, 'summary')].flatMap((part) =>
      textsIn(part, ['text', 'refusal', 'transcript']),
    ),
  ]
}
