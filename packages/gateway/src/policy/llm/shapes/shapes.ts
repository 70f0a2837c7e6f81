import { anthropicMessages } from './anthropic-messages.js'
import { ollamaChat, ollamaEmbed, ollamaGenerate } from './ollama.js'
import { openAIChat } from './openai-chat.js'
import { openAICompletions } from './openai-completions.js'
import { openAIEmbeddings } from './openai-embeddings.js'
import { openAIResponses } from './openai-responses.js'
import type { Shape } from './shape.js'

/** Every named shape, with the ending of its usual paths. */
const SHAPES: readonly { readonly shape: Shape; readonly vendor: string; readonly pathEnd: string }[] = [
  { shape: openAIChat, vendor: 'openai', pathEnd: '/chat/completions' },
  { shape: openAICompletions, vendor: 'openai', pathEnd: '/completions' },
  { shape: openAIEmbeddings, vendor: 'openai', pathEnd: '/embeddings' },
  { shape: openAIResponses, vendor: 'openai', pathEnd: '/responses' },
  { shape: anthropicMessages, vendor: 'anthropic', pathEnd: '/messages' },
  { shape: ollamaChat, vendor: 'ollama', pathEnd: '/api/chat' },
  { shape: ollamaGenerate, vendor: 'ollama', pathEnd: '/api/generate' },
  { shape: ollamaEmbed, vendor: 'ollama', pathEnd: '/api/embed' },
  { shape: ollamaEmbed, vendor: 'ollama', pathEnd: '/api/embeddings' },
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
    ({ shape, vendor, pathEnd }) => shape.name === name || (vendor === name && path.endsWith(pathEnd)),
  )
  return found?.shape
}
