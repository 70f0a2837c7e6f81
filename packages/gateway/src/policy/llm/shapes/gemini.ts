import { MalformedRequestError, RequestError } from 'sluice'
import { countOtherMembers, countStructure, structureStrings } from '../request/input-text.js'
import {
  checkedNumber,
  describeValue,
  type Fields,
  isFields,
  listOf,
  MAX_ANSWERS,
  own,
  statedMaximum,
} from '../request/json-fields.js'
import { rejectOtherCaseIn } from '../request/member-spelling.js'
import { countParts, type PartNames } from '../request/part-text.js'
import { tokenCount, type Usage } from '../usage.js'
import { hasError } from './error-body.js'
import { freeShape } from './free-shape.js'
import { textsIn } from './output-text.js'
import { modelBeforeMethod } from './path-model.js'
import type { CallParameters, Reading, Shape } from './shape.js'
import { geminiEnding } from './stream-ending.js'

// Google's Gemini API, which Vertex AI shares: https://ai.google.dev/api/generate-content. The path
// names the model and the method. The API reads each member in camel case and in snake case.

/** The shape of `:generateContent` and `:streamGenerateContent`. */
export const geminiGenerate: Shape = {
  name: 'gemini-generate',
  vendor: 'gemini',
  operation: 'generate_content',
  modelIn: modelBeforeMethod,
  usageOnRequest: false,
  streamsList: true,
  endingOf: geminiEnding,
  readRequest(body, input, path) {
    const contents = own(body, 'contents')
    if (!Array.isArray(contents))
      throw new RequestError(`'contents' must be a list, not ${describeValue(contents)}`)
    const config = memberOf(body, 'generationConfig')
    if (config.value !== undefined && config.value !== null && !isFields(config.value))
      throw new RequestError(`'${config.name}' must be an object, not ${describeValue(config.value)}`)
    const maximum = memberOf(config.value, 'maxOutputTokens')
    const candidates = memberOf(config.value, 'candidateCount')
    countParts(contents, PARTS, input)
    countParts(memberOf(body, 'systemInstruction').value, PARTS, input)
    countStructure(own(body, 'tools'), input)
    for (const name of SCHEMAS) countStructure(memberOf(config.value, name).value, input)
    countOtherMembers(body, GENERATE_MEMBERS, input)
    return {
      model: modelBeforeMethod(path)?.model,
      stream: /:streamgeneratecontent$/i.test(path),
      // Every event includes the usage so far.
      wantsUsage: true,
      maxOutput: statedMaximum([maximum]),
      answers: checkedNumber(candidates.value, candidates.name, 1, MAX_ANSWERS) ?? 1,
    }
  },
  readResponse: read,
  readEvent: read,
}

/** The shape of `:embedContent` and `:batchEmbedContents`. */
export const geminiEmbed: Shape = {
  name: 'gemini-embed',
  vendor: 'gemini',
  operation: 'embeddings',
  modelIn: modelBeforeMethod,
  usageOnRequest: false,
  readRequest(body, input, path) {
    const requests = own(body, 'requests')
    if (requests !== undefined && !Array.isArray(requests))
      throw new RequestError(`'requests' must be a list, not ${describeValue(requests)}`)
    for (const request of requests ?? [body]) {
      const content = own(request, 'content')
      if (!isFields(content))
        throw new RequestError(`'content' must be an object, not ${describeValue(content)}`)
      countParts(content, PARTS, input)
      countOtherMembers(request as Fields, EMBED_MEMBERS, input)
    }
    return callWithoutOutput(path)
  },
  readResponse(body) {
    const failed = hasError(body)
    const isAnswer = isFields(own(body, 'embedding')) || Array.isArray(own(body, 'embeddings'))
    if (!isAnswer && !failed) return undefined
    const input = tokenCount(own(body, 'usageMetadata'), 'promptTokenCount')
    return { usage: { input, output: 0 }, texts: [], failed }
  },
  readEvent: () => undefined,
}

/** The shape of `:countTokens` and `:computeTokens`, for which no model runs. */
export const geminiCount: Shape = freeShape('gemini-count', 'gemini', modelBeforeMethod)

function callWithoutOutput(path: string): CallParameters {
  return { model: modelBeforeMethod(path)?.model, stream: false, wantsUsage: true, maxOutput: 0, answers: 1 }
}

/** Members of the generation config that the model reads. */
const SCHEMAS = ['responseSchema', 'responseJsonSchema'] as const

/** Members that are counted separately, and settings that no model reads. */
const GENERATE_MEMBERS = namesOf(
  ...['contents', 'systemInstruction', 'tools', 'generationConfig'],
  ...['safetySettings', 'cachedContent', 'labels', 'model'],
)
const EMBED_MEMBERS = namesOf('content', 'taskType', 'model', 'outputDimensionality', 'requests')

/** Returns names in both spellings. */
function namesOf(...names: readonly string[]): ReadonlySet<string> {
  return new Set(names.flatMap((name) => [name, snakeCase(name)]))
}

function snakeCase(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
}

/**
 * Reads a member in either spelling.
 *
 * @throws MalformedRequestError if it has both, since servers may read one or the other
 */
function memberOf(object: unknown, name: string): { readonly name: string; readonly value: unknown } {
  const other = snakeCase(name)
  rejectOtherCaseIn(object, `/${name}`)
  rejectOtherCaseIn(object, `/${other}`)
  const [value, otherValue] = [own(object, name), own(object, other)]
  if (value !== undefined && otherValue !== undefined && name !== other)
    throw new MalformedRequestError(`'${name}' was also sent as '${other}'; send one of them`)
  return value === undefined && otherValue !== undefined
    ? { name: other, value: otherValue }
    : { name, value }
}

const PARTS: PartNames = {
  files: namesOf('inlineData', 'fileData'),
  protocol: namesOf(
    ...['parts', 'role', 'text', 'name', 'args', 'id', 'response', 'thought', 'thoughtSignature'],
    ...['functionCall', 'functionResponse', 'executableCode', 'codeExecutionResult', 'videoMetadata'],
  ),
}

function read(value: unknown): Reading | undefined {
  const candidates = own(value, 'candidates')
  const failed = hasError(value)
  const isAnswer =
    Array.isArray(candidates) ||
    isFields(own(value, 'usageMetadata')) ||
    isFields(own(value, 'promptFeedback'))
  if (!isAnswer && !failed) return undefined
  const choices = listOf(value, 'candidates').map((candidate, position) => {
    const index = own(candidate, 'index')
    return {
      index: typeof index === 'number' && index >= 0 ? Math.floor(index) : position,
      texts: listOf(own(candidate, 'content'), 'parts').flatMap(partTexts),
      usage: {},
    }
  })
  return {
    usage: usageOf(own(value, 'usageMetadata')),
    texts: choices.flatMap(({ texts }) => texts),
    failed,
    choices,
  }
}

function partTexts(part: unknown): string[] {
  const call = own(part, 'functionCall')
  return [
    ...textsIn(part, ['text']),
    ...textsIn(call, ['name']),
    ...structureStrings(own(call, 'args')),
    ...textsIn(own(part, 'executableCode'), ['code']),
  ]
}

/** Reads the usage. Thoughts and the results of tools are counted beside the other tokens. */
function usageOf(usage: unknown): Usage {
  return {
    input: sumOf(usage, 'promptTokenCount', 'toolUsePromptTokenCount'),
    output: sumOf(usage, 'candidatesTokenCount', 'thoughtsTokenCount'),
    cached: tokenCount(usage, 'cachedContentTokenCount'),
    reasoning: tokenCount(usage, 'thoughtsTokenCount'),
    total: tokenCount(usage, 'totalTokenCount'),
  }
}

function sumOf(usage: unknown, ...names: readonly string[]): number | undefined {
  const counts = names.map((name) => tokenCount(usage, name)).filter((count) => count !== undefined)
  return counts.length === 0 ? undefined : counts.reduce((sum, count) => sum + count, 0)
}
