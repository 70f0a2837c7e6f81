import { countContent, countFormat, countOtherMembers, countStructure } from '../request/input-text.js'
import { listOf, maximumOf, own, statedFlag } from '../request/json-fields.js'
import { tokenCount, type Usage } from '../usage.js'
import { hasError } from './error-body.js'
import { openAICallParameters } from './openai-fields.js'
import { callTexts, textsIn, textsWithin } from './output-text.js'
import type { ItemReading, Reading, Shape } from './shape.js'
import { responsesEnding } from './stream-ending.js'

/** Statuses of a response whose cost is not yet known. */
const UNFINISHED: ReadonlySet<unknown> = new Set(['queued', 'in_progress'])

const COUNTED: ReadonlySet<string> = new Set(['instructions', 'input', 'prompt', 'tools', 'text'])

/**
 * The shape of `POST /v1/responses`. Input that is added by an earlier response is known only to
 * the upstream.
 */
export const openAIResponses: Shape = {
  name: 'openai-responses',
  vendor: 'openai',
  operation: 'chat',
  usageOnRequest: false,
  endingOf: responsesEnding,
  readRequest(body, input) {
    countContent(own(body, 'instructions'), input)
    countContent(own(body, 'input'), input)
    countContent(own(own(body, 'prompt'), 'variables'), input)
    countStructure(own(body, 'tools'), input)
    countFormat(own(own(body, 'text'), 'format'), input)
    countOtherMembers(body, COUNTED, input)
    return {
      ...openAICallParameters(body, maximumOf(body, 'max_output_tokens'), 1),
      background: statedFlag(own(body, 'background'), 'background'),
    }
  },
  readResponse(body) {
    const status = own(body, 'status')
    if (UNFINISHED.has(status)) return { usage: {}, texts: [], failed: false, unfinished: true }
    const failed = hasError(body) || status === 'failed'
    if (!Array.isArray(own(body, 'output')) && !failed) return undefined
    return { usage: usageOf(body), texts: outputTexts(body), failed }
  },
  readEvent(data) {
    const type = own(data, 'type')
    if (typeof type !== 'string') return undefined
    const failed = type === 'error' || type === 'response.failed' || hasError(data)
    const response = own(data, 'response')
    const usage = usageOf(response)
    if (ENDS.has(type)) return { usage, texts: outputTexts(response), failed, repeats: true }
    return { usage, failed, ...eventTexts(type, data) }
  },
}

/** The final events of a stream, which contain the whole response. */
const ENDS: ReadonlySet<string> = new Set(['response.completed', 'response.incomplete', 'response.failed'])

/** Reads the text in an event. Audio is not counted. */
function eventTexts(type: string, data: unknown): Pick<Reading, 'texts' | 'item'> {
  const found = levelAndTexts(type, data)
  if (found === undefined) return { texts: [] }
  const [level, texts] = found
  const outputIndex = own(data, 'output_index')
  const index = typeof outputIndex === 'number' && outputIndex >= 0 ? Math.floor(outputIndex) : 0
  return { texts: texts.filter((text) => text !== ''), item: { index, level } }
}

/**
 * Returns the level and the text of an event. Text arrives in deltas, and is repeated at the end of
 * the text, of its part and of its item.
 */
function levelAndTexts(type: string, data: unknown): [ItemReading['level'], string[]] | undefined {
  if (type.endsWith('audio.delta')) return undefined
  if (type.endsWith('.delta')) return ['delta', textsWithin(own(data, 'delta'))]
  if (type === 'response.output_item.added') return ['delta', textsIn(own(data, 'item'), ['name'])]
  if (type === 'response.output_item.done') return ['item', itemTexts(own(data, 'item'))]
  if (type.endsWith('_part.done')) return ['part', textsIn(own(data, 'part'), PART_TEXTS)]
  if (type.endsWith('.done')) return ['text', textsIn(data, [...PART_TEXTS, 'arguments', 'input', 'code'])]
  return undefined
}

function usageOf(response: unknown): Usage {
  const usage = own(response, 'usage')
  return {
    input: tokenCount(usage, 'input_tokens'),
    output: tokenCount(usage, 'output_tokens'),
    cached: tokenCount(own(usage, 'input_tokens_details'), 'cached_tokens'),
    reasoning: tokenCount(own(usage, 'output_tokens_details'), 'reasoning_tokens'),
    total: tokenCount(usage, 'total_tokens'),
  }
}

function outputTexts(response: unknown): string[] {
  return listOf(response, 'output').flatMap(itemTexts)
}

const PART_TEXTS: readonly string[] = ['text', 'refusal', 'transcript']

function itemTexts(item: unknown): string[] {
  return [
    ...callTexts(item),
    ...textsIn(item, ['code', 'text']),
    ...[...listOf(item, 'content'), ...listOf(item, 'summary')].flatMap((part) => textsIn(part, PART_TEXTS)),
  ]
}
