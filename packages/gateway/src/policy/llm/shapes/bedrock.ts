import { RequestError } from 'sluice'
import { countOtherMembers, countStructure, structureStrings } from '../request/input-text.js'
import { describeValue, isFields, listOf, own, statedMaximum } from '../request/json-fields.js'
import { rejectOtherCaseIn } from '../request/member-spelling.js'
import { countParts, type PartNames } from '../request/part-text.js'
import { tokenCount, type Usage } from '../usage.js'
import { hasError } from './error-body.js'
import { textsIn } from './output-text.js'
import { modelBeforeAction } from './path-model.js'
import type { Shape } from './shape.js'

// https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html. The path names
// the model. A stream consists of binary frames.

/** The shape of `/model/{modelId}/converse` and `/model/{modelId}/converse-stream`. */
export const bedrockConverse: Shape = {
  name: 'bedrock-converse',
  vendor: 'bedrock',
  operation: 'chat',
  modelIn: modelBeforeAction,
  usageOnRequest: false,
  readRequest(body, input, path) {
    const messages = own(body, 'messages')
    // A stored prompt may contain the messages.
    if (messages !== undefined && messages !== null && !Array.isArray(messages))
      throw new RequestError(`'messages' must be a list, not ${describeValue(messages)}`)
    countParts(messages, PARTS, input)
    countParts(own(body, 'system'), PARTS, input)
    countStructure(own(own(body, 'toolConfig'), 'tools'), input)
    countOtherMembers(body, COUNTED, input)
    return {
      model: modelBeforeAction(path)?.model,
      stream: /-stream$/i.test(path),
      // Every stream ends with its usage.
      wantsUsage: true,
      maxOutput: statedMaximum(MAXIMA.map((pointer) => maximumAt(body, pointer))),
      answers: 1,
    }
  },
  readResponse(body) {
    const failed = hasError(body)
    const message = own(own(body, 'output'), 'message')
    const usage = own(body, 'usage')
    if (!isFields(message) && !isFields(usage) && !failed) return undefined
    return { usage: usageOf(usage), texts: listOf(message, 'content').flatMap(blockTexts), failed }
  },
  readEvent(data) {
    if (!EVENT_MEMBERS.some((name) => own(data, name) !== undefined)) return undefined
    return {
      usage: usageOf(own(data, 'usage')),
      texts: [...deltaTexts(own(data, 'delta')), ...textsIn(own(own(data, 'start'), 'toolUse'), ['name'])],
      failed: hasError(data),
    }
  },
}

/** Members that can state the maximum output. The second one is passed to the model unchanged. */
const MAXIMA = [
  ['inferenceConfig', 'maxTokens'],
  ['additionalModelRequestFields', 'max_tokens'],
] as const

function maximumAt(body: unknown, [object, name]: (typeof MAXIMA)[number]) {
  rejectOtherCaseIn(body, `/${object}/${name}`)
  const value = own(body, object)
  if (value !== undefined && value !== null && !isFields(value))
    throw new RequestError(`'${object}' must be an object, not ${describeValue(value)}`)
  return { name: `${object}.${name}`, value: own(value, name) }
}

/** Members that are counted separately, and settings that no model reads. */
const COUNTED: ReadonlySet<string> = new Set([
  ...['messages', 'system', 'toolConfig', 'inferenceConfig', 'additionalModelRequestFields'],
  ...['additionalModelResponseFieldPaths', 'guardrailConfig', 'performanceConfig', 'requestMetadata'],
  'serviceTier',
])

const PARTS: PartNames = {
  files: new Set(['image', 'video', 'audio', 'document']),
  protocol: new Set([
    ...['role', 'content', 'text', 'json', 'toolUse', 'toolResult', 'toolUseId', 'name', 'input', 'status'],
    ...['reasoningContent', 'reasoningText', 'redactedContent', 'signature', 'guardContent', 'cachePoint'],
    ...['type', 'qualifiers'],
  ]),
}

/** One of these members is in every event. */
const EVENT_MEMBERS = ['role', 'contentBlockIndex', 'stopReason', 'usage'] as const

function blockTexts(block: unknown): string[] {
  const call = own(block, 'toolUse')
  return [
    ...textsIn(block, ['text']),
    ...textsIn(call, ['name']),
    ...structureStrings(own(call, 'input')),
    ...textsIn(own(own(block, 'reasoningContent'), 'reasoningText'), ['text']),
  ]
}

function deltaTexts(delta: unknown): string[] {
  return [
    ...textsIn(delta, ['text']),
    ...textsIn(own(delta, 'toolUse'), ['input']),
    ...textsIn(own(delta, 'reasoningContent'), ['text']),
  ]
}

/** Reads the usage. `inputTokens` excludes tokens read from the cache and written to it. */
function usageOf(usage: unknown): Usage {
  const cached = tokenCount(usage, 'cacheReadInputTokens')
  const cacheWrite = tokenCount(usage, 'cacheWriteInputTokens')
  const parts = [tokenCount(usage, 'inputTokens'), cacheWrite, cached].filter((count) => count !== undefined)
  const input = parts.length === 0 ? undefined : parts.reduce((sum, count) => sum + count, 0)
  return { input, cached, cacheWrite, output: tokenCount(usage, 'outputTokens') }
}
