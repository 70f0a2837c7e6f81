import { lowerCase } from '../../routing/lower-case.js'
import { anthropicMessages } from './anthropic-messages.js'
import { bedrockConverse } from './bedrock.js'
import { anthropicCount, tokenize } from './free-shape.js'
import { geminiCount, geminiEmbed, geminiGenerate } from './gemini.js'
import { ollamaChat, ollamaEmbed, ollamaGenerate } from './ollama.js'
import { openAIChat } from './openai-chat.js'
import { openAICompletions } from './openai-completions.js'
import { openAIEmbeddings } from './openai-embeddings.js'
import { openAIResponses } from './openai-responses.js'
import type { Shape, ShapeFinder, Vendor } from './shape.js'

/** All named shapes, with the suffixes of their usual paths, in lower case. */
const SHAPES: readonly { readonly shape: Shape; readonly suffixes: readonly string[] }[] = [
  { shape: openAIChat, suffixes: ['/chat/completions'] },
  { shape: openAICompletions, suffixes: ['/completions'] },
  { shape: openAIEmbeddings, suffixes: ['/embeddings'] },
  { shape: openAIResponses, suffixes: ['/responses'] },
  { shape: anthropicMessages, suffixes: ['/messages'] },
  { shape: anthropicCount, suffixes: ['/messages/count_tokens'] },
  { shape: ollamaChat, suffixes: ['/api/chat'] },
  { shape: ollamaGenerate, suffixes: ['/api/generate'] },
  { shape: ollamaEmbed, suffixes: ['/api/embed', '/api/embeddings'] },
  { shape: geminiGenerate, suffixes: [':generatecontent', ':streamgeneratecontent'] },
  { shape: geminiEmbed, suffixes: [':embedcontent', ':batchembedcontents'] },
  { shape: geminiCount, suffixes: [':counttokens', ':computetokens'] },
  { shape: bedrockConverse, suffixes: ['/converse', '/converse-stream'] },
  { shape: tokenize, suffixes: ['/tokenize', '/detokenize'] },
]

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

/** All suffixes, the longest first, so that `/api/embeddings` precedes `/embeddings`. */
const BY_SUFFIX = SHAPES.flatMap(({ shape, suffixes }) => suffixes.map((suffix) => ({ shape, suffix }))).sort(
  (one, other) => other.suffix.length - one.suffix.length,
)

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
      folded.endsWith(suffix) && (api === AUTO || apiOf(shape) === api || shape === tokenize),
  )
  return found?.shape
}

/** Reports whether a path belongs to an API of a vendor whose calls cost money. @param path without a query */
export function isPaidModelPath(path: string): boolean {
  const shape = shapeAt(AUTO, path)
  return shape?.vendor !== undefined && shape.isFree !== true
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

/** Returns the vendor of an API; undefined if it has none, or for `auto`. */
export function vendorOf(name: string): Vendor | undefined {
  return SHAPES.find(({ shape }) => shape.name === name || apiOf(shape) === name)?.shape.vendor
}

/**
 * Guesses the vendor of a path without a known shape, so that the vendor's SDK can read the error.
 *
 * @param path without a query
 * @returns undefined for a path that no API has
 */
export function vendorOfPath(path: string): Vendor | undefined {
  return shapeAt(AUTO, path)?.vendor ?? (/^(?:\/[^/]+)*\/v1\//.test(path) ? 'openai' : undefined)
}
