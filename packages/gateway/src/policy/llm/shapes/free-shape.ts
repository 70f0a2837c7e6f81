import { own, statedModel } from '../request/json-fields.js'
import { hasError } from './error-body.js'
import type { ModelFinder } from './path-model.js'
import type { Reading, Shape, Vendor } from './shape.js'

/**
 * Creates the shape of requests for which no model runs, such as those that count tokens. They cost
 * no tokens, whatever the response says.
 *
 * @param modelIn finds the model in a path; default: the `model` of the body
 */
export function freeShape(name: string, vendor: Vendor | undefined, modelIn?: ModelFinder): Shape {
  const read = (value: unknown): Reading => ({ usage: {}, texts: [], failed: hasError(value) })
  return {
    name,
    vendor,
    operation: 'generate_content',
    isFree: true,
    ...(modelIn && { modelIn }),
    usageOnRequest: false,
    readRequest: (body, _input, path) => ({
      model: modelIn === undefined ? statedModel(own(body, 'model')) : modelIn(path)?.model,
      stream: false,
      wantsUsage: true,
      maxOutput: 0,
      answers: 1,
    }),
    readResponse: read,
    readEvent: read,
  }
}

/** The shape of `/v1/messages/count_tokens` of Anthropic. */
export const anthropicCount: Shape = freeShape('anthropic-count', 'anthropic')

/** The shape of `/tokenize` and `/detokenize`, which vLLM, TGI, TEI and llama.cpp have. */
export const tokenize: Shape = freeShape('tokenize', undefined)
