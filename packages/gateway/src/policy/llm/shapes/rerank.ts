import { RequestError } from 'sluice'
import { countOtherMembers, countPrompts } from '../request/input-text.js'
import { own, statedModel } from '../request/json-fields.js'
import { tokenCount } from '../usage.js'
import { hasError } from './error-body.js'
import type { Shape } from './shape.js'

const COUNTED: ReadonlySet<string> = new Set(['query', 'documents', 'texts'])

/**
 * The shape of `/rerank` of Cohere (https://docs.cohere.com/reference/rerank), Jina, vLLM and, with
 * `texts` instead of `documents`, TEI. The output is not counted.
 */
export const rerank: Shape = {
  name: 'rerank',
  vendor: undefined,
  operation: 'generate_content',
  usageOnRequest: false,
  readRequest(body, input) {
    const query = own(body, 'query')
    if (query === undefined) throw new RequestError("'query' is missing")
    const documents = own(body, 'documents') ?? own(body, 'texts')
    if (!Array.isArray(documents)) throw new RequestError("'documents' must be a list")
    countPrompts(query, input)
    countPrompts(documents, input)
    countOtherMembers(body, COUNTED, input)
    return {
      model: statedModel(own(body, 'model')),
      stream: false,
      wantsUsage: true,
      maxOutput: 0,
      answers: 1,
    }
  },
  readResponse(body) {
    const failed = hasError(body)
    if (!Array.isArray(body) && !Array.isArray(own(body, 'results')) && !failed) return undefined
    const usage = own(body, 'usage')
    const input =
      tokenCount(usage, 'prompt_tokens') ??
      tokenCount(usage, 'total_tokens') ??
      tokenCount(own(own(body, 'meta'), 'tokens'), 'input_tokens')
    return { usage: { input, output: 0 }, texts: [], failed }
  },
  readEvent: () => undefined,
}
