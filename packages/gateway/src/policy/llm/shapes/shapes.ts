import { anthropicMessages } from './anthropic-messages.js'
import { ollamaChat, ollamaEmbed, ollamaGenerate } from './ollama.js'
import { openAIChat } from './openai-chat.js'
import { openAICompletions } from './openai-completions.js'
import { openAIEmbeddings } from './openai-embeddings.js'
import { openAIResponses } from './openai-responses.js'
import type { Shape, Vendor } from './shape.js'

/** All named shapes, with the suffix of their usual paths. */
const SHAPES: readonly { readonly shape: Shape; readonly pathSuffix: string }[] = [
  { shape: openAIChat, pathSuffix: '/chat/completions' },
  { shape: openAICompletions, pathSuffix: '/completions' },
  { shape: openAIEmbeddings, pathSuffix: '/embeddings' },
  { shape: openAIResponses, pathSuffix: '/responses' },
  { shape: anthropicMessages, pathSuffix: '/messages' },
  { shape: ollamaChat, pathSuffix: '/api/chat' },
  { shape: ollamaGenerate, pathSuffix: '/api/generate' },
  { shape: ollamaEmbed, pathSuffix: '/api/embed' },
  { shape: ollamaEmbed, pathSuffix: '/api/embeddings' },
]

/** Names that a configuration may use: a shape, or a vendor whose shape depends on the path. */
export const SHAPE_NAMES: readonly string[] = [
  ...new Set(SHAPES.flatMap(({ shape }) => [shape.vendor ?? 'custom', shape.name])),
]

/**
 * Finds a shape by its name, or by the name of a vendor and the path of a request or a pattern.
 *
 * @returns undefined if the name is not in `SHAPE_NAMES`, or the vendor has no such path
 */
export function shapeFor(name: string, path: string): Shape | undefined {
  const found = SHAPES.find(
    ({ shape, pathSuffix }) => shape.name === name || (shape.vendor === name && path.endsWith(pathSuffix)),
  )
  return found?.shape
}

/** Reports whether a path is that of a shape. @param path without a query */
export function isModelPath(path: string): boolean {
  return SHAPES.some(({ pathSuffix }) => path.endsWith(pathSuffix))
}

/**
 * Guesses the vendor of a path that matches no route, so that the vendor's SDK can read the error.
 *
 * @param path without a query
 * @returns undefined for a path that no API has
 */
export function vendorOfPath(path: string): Vendor | undefined {
  const found = SHAPES.find(({ pathSuffix }) => path.endsWith(pathSuffix))
  return found?.shape.vendor ?? (/^(?:\/[^/]+)*\/v1\//.test(path) ? 'openai' : undefined)
}
