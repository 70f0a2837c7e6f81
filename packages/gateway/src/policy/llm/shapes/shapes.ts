import { anthropicMessages } from './anthropic-messages.js'
import { ollamaChat, ollamaEmbed, ollamaGenerate } from './ollama.js'
import { openAIChat } from './openai-chat.js'
import { openAICompletions } from './openai-completions.js'
import { openAIEmbeddings } from './openai-embeddings.js'
import { openAIResponses } from './openai-responses.js'
import type { Shape } from './shape.js'

/** Every shape that has a name, with the end of the paths that it is usually served at. */
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

/** What a configuration may write: the name of a shape, or of a vendor whose shape the path tells. */
export const SHAPE_NAMES: readonly string[] = [
  ...new Set(SHAPES.flatMap(({ shape, vendor }) => [vendor, shape.name])),
]

/**
 * The shape of a name, or of a vendor's name and the path of a request or a pattern.
 *
 * @returns undefined where the name is none of `SHAPE_NAMES`, or the vendor serves no such path
 */
export function shapeFor(name: string, path: string): Shape | undefined {
  const found = SHAPES.find(
    ({ shape, vendor, pathEnd }) => shape.name === name || (vendor === name && path.endsWith(pathEnd)),
  )
  return found?.shape
}
