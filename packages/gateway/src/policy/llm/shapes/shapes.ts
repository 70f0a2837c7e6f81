import { anthropicMessages } from './anthropic-messages.js'
import { ollamaChat, ollamaEmbed, ollamaGenerate } from './ollama.js'
import { openAIChat } from './openai-chat.js'
import { openAICompletions } from './openai-completions.js'
import { openAIEmbeddings } from './openai-embeddings.js'
import { openAIResponses } from './openai-responses.js'
import type { Shape } from './shape.js'

/** All named shapes, with the suffix of their usual paths. */
const SHAPES: readonly { readonly shape: Shape; readonly vendor: string; readonly pathSuffix: string }[] = [
  { shape: openAIChat, vendor: 'openai', pathSuffix: '/chat/completions' },
  { shape: openAICompletions, vendor: 'openai', pathSuffix: '/completions' },
  { shape: openAIEmbeddings, vendor: 'openai', pathSuffix: '/embeddings' },
  { shape: openAIResponses, vendor: 'openai', pathSuffix: '/responses' },
  { shape: anthropicMessages, vendor: 'anthropic', pathSuffix: '/messages' },
  { shape: ollamaChat, vendor: 'ollama', pathSuffix: '/api/chat' },
  { shape: ollamaGenerate, vendor: 'ollama', pathSuffix: '/api/generate' },
  { shape: ollamaEmbed, vendor: 'ollama', pathSuffix: '/api/embed' },
  { shape: ollamaEmbed, vendor: 'ollama', pathSuffix: '/api/embeddings' },
]

/** Names that a configuration may use: a shape, or a vendor whose shape depends on the path. */
export const SHAPE_NAMES: readonly string[] = [
  ...new Set(SHAPES.flatMap(({ shape, vendor }) => [vendor, shape.name])),
]

/**
 * Finds a shape by its name, or by the name of a vendor and the path of a request or a pattern.
 *
 * @returns undefined if the name is not in `SHAPE_NAMES`, or the vendor has no such path
 */
export function shapeFor(name: string, path: string): Shape | undefined {
  const found = SHAPES.find(
    ({ shape, vendor, pathSuffix }) => shape.name === name || (vendor === name && path.endsWith(pathSuffix)),
  )
  return found?.shape
}
