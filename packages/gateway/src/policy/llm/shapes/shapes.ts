import { lowerCase } from '../../routing/lower-case.js'
import { anthropicMessages } from './anthropic-messages.js'
import { bedrockConverse } from './bedrock.js'
import { anthropicCount, tokenize } from './free-shape.js'
import { geminiCount, geminiEmbed, geminiGenerate } from './gemini.js'
import { kserveGenerate, kserveInfer } from './kserve.js'
import { ollamaChat, ollamaEmbed, ollamaGenerate } from './ollama.js'
import { openAIChat } from './openai-chat.js'
import { openAICompletions } from './openai-completions.js'
import { openAIEmbeddings } from './openai-embeddings.js'
import { openAIImages } from './openai-images.js'
import { openAIModerations } from './openai-moderations.js'
import { openAIResponses } from './openai-responses.js'
import { openAISpeech } from './openai-speech.js'
import { openAITranscriptions } from './openai-transcriptions.js'
import { rerank } from './rerank.js'
import type { Shape, ShapeFinder, Vendor } from './shape.js'
import { tgiGenerate } from './tgi.js'

/** All named shapes, with the endings of their usual paths, in lower case. */
const SHAPES: readonly { readonly shape: Shape; readonly suffixes: readonly (string | RegExp)[] }[] = [
  { shape: openAIChat, suffixes: ['/chat/completions'] },
  { shape: openAICompletions, suffixes: ['/completions'] },
  { shape: openAIEmbeddings, suffixes: ['/embeddings'] },
  { shape: openAIResponses, suffixes: ['/responses'] },
  { shape: openAIModerations, suffixes: ['/moderations'] },
  { shape: openAIImages, suffixes: ['/images/generations', '/images/edits', '/images/variations'] },
  { shape: openAITranscriptions, suffixes: ['/audio/transcriptions', '/audio/translations'] },
  { shape: openAISpeech, suffixes: ['/audio/speech'] },
  { shape: anthropicMessages, suffixes: ['/messages'] },
  { shape: anthropicCount, suffixes: ['/messages/count_tokens'] },
  { shape: ollamaChat, suffixes: ['/api/chat'] },
  { shape: ollamaGenerate, suffixes: ['/api/generate'] },
  { shape: ollamaEmbed, suffixes: ['/api/embed', '/api/embeddings'] },
  { shape: geminiGenerate, suffixes: [':generatecontent', ':streamgeneratecontent'] },
  { shape: geminiEmbed, suffixes: [':embedcontent', ':batchembedcontents'] },
  { shape: geminiCount, suffixes: [':counttokens', ':computetokens'] },
  { shape: bedrockConverse, suffixes: ['/converse', '/converse-stream'] },
  { shape: rerank, suffixes: ['/rerank'] },
  { shape: tgiGenerate, suffixes: ['/generate', '/generate_stream'] },
  { shape: kserveInfer, suffixes: [kservePath('infer')] },
  { shape: kserveGenerate, suffixes: [kservePath('generate(_stream)?')] },
  { shape: tokenize, suffixes: ['/tokenize', '/detokenize'] },
]

/** Returns the paths of an action of the Open Inference Protocol. */
function kservePath(action: string): RegExp {
  return new RegExp(`/v2/models/[^/]+(/versions/[^/]+)?/${action}$`)
}

/** The name that selects any shape by the path of the request. */
export const AUTO = 'auto'

/** Returns the name of the API that a shape belongs to: the first word of its name. */
function apiOf({ name }: Shape): string {
  return name.split('-', 1)[0] as string
}

/** Names that a configuration may use: a shape, an API whose shape depends on the path, or `auto`. */
export const SHAPE_NAMES: readonly string[] = [
  ...new Set([AUTO, ...SHAPES.flatMap(({ shape }) => [apiOf(shape), shape.name])]),
]

/** The names of the shapes whose streams can be ended early. */
export const ENDABLE_SHAPES: readonly string[] = SHAPES.flatMap(({ shape }) =>
  shape.endingOf === undefined ? [] : shape.name,
)

/** All endings: patterns, then suffixes from the longest, so that `/api/embed` precedes `/embed`. */
const BY_SUFFIX = SHAPES.flatMap(({ shape, suffixes }) => suffixes.map((suffix) => ({ shape, suffix }))).sort(
  (one, other) => lengthOf(other.suffix) - lengthOf(one.suffix),
)

function lengthOf(suffix: string | RegExp): number {
  return typeof suffix === 'string' ? suffix.length : Number.MAX_SAFE_INTEGER
}

/**
 * Finds a shape by its name, or by the name of an API and the path of a request or a pattern.
 *
 * @returns undefined if the name is not in `SHAPE_NAMES`, or the API has no such path
 */
export function shapeFor(name: string, path: string): Shape | undefined {
  return SHAPES.find(({ shape }) => shape.name === name)?.shape ?? shapeAt(name, path)
}

function shapeAt(api: string, path: string): Shape | undefined {
  // Servers such as Express ignore the case of a path.
  const folded = lowerCase(path)
  const found = BY_SUFFIX.find(
    ({ shape, suffix }) =>
      (api === AUTO || apiOf(shape) === api || shape === tokenize) && endsWith(folded, suffix),
  )
  return found?.shape
}

function endsWith(path: string, suffix: string | RegExp): boolean {
  return typeof suffix === 'string' ? path.endsWith(suffix) : suffix.test(path)
}

/** Reports whether a path belongs to an API of a vendor whose calls cost money. @param path without a query */
export function isPaidModelPath(path: string): boolean {
  const shape = shapeAt(AUTO, path)
  // OpenAI does not charge for moderation.
  return shape?.vendor !== undefined && shape.isFree !== true && shape !== openAIModerations
}

/**
 * Finds the shape of a route.
 *
 * @param pattern the path of its pattern, with `:` for a parameter and `*` for the rest; empty if
 *   the route has any path
 * @returns a function of the path of the request if the pattern does not determine the shape;
 *   undefined if no path of the route has a shape
 */
export function routeShapeFor(name: string, pattern: string): Shape | ShapeFinder | undefined {
  const found = shapeFor(name, pattern)
  if (found !== undefined || !isOpen(pattern)) return found
  return (path) => shapeAt(name, path)
}

/** Reports whether the last segment of a pattern matches more than one text. */
function isOpen(pattern: string): boolean {
  return pattern === '' || pattern.endsWith('/:') || pattern.endsWith('/*')
}

/** Returns a shape of an API, from which it takes its headers and errors; undefined for `auto`. */
export function sampleOf(name: string): Shape | undefined {
  return SHAPES.find(({ shape }) => shape.name === name || apiOf(shape) === name)?.shape
}

/**
 * Guesses the vendor of a path without a known shape, so that the vendor's SDK can read the error.
 *
 * @param path without a query
 * @returns undefined for a path that no API has
 */
export function vendorOfPath(path: string): Vendor | undefined {
  const shape = shapeAt(AUTO, path)
  return shape?.vendor ?? shape?.errors ?? (/^(?:\/[^/]+)*\/v1\//.test(path) ? 'openai' : undefined)
}
