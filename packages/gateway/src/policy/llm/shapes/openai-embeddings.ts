import { RequestError } from 'sluice'
import { countOtherMembers, countPrompts } from '../request/input-text.js'
import { own } from '../request/json-fields.js'
import { hasError } from './error-body.js'
import { openAICallParameters, openAIUsage } from './openai-fields.js'
import type { Shape } from './shape.js'

const INPUT: ReadonlySet<string> = new Set(['input'])
const MESSAGES: ReadonlySet<string> = new Set(['messages'])

/** The shape of `POST /v1/embeddings`. Embeddings have no counted output and are never streamed. */
export const openAIEmbeddings: Shape = {
  name: 'openai-embeddings',
  vendor: 'openai',
  operation: 'embeddings',
  usageOnRequest: false,
  readRequest(body, input) {
    const texts = own(body, 'input')
    // Servers of multimodal models accept chat messages here.
    const prompts = texts === undefined ? own(body, 'messages') : texts
    if (prompts === undefined) throw new RequestError("'input' is missing")
    countPrompts(prompts, input)
    countOtherMembers(body, texts === undefined ? MESSAGES : INPUT, input)
    return openAICallParameters(body, 0, 1)
  },
  readResponse(body) {
    const failed = hasError(body)
    if (own(body, 'usage') === undefined && !failed) return undefined
    const usage = openAIUsage(body)
    return { usage: { ...usage, input: usage.input ?? usage.total, output: 0 }, texts: [], failed }
  },
  readEvent: () => undefined,
}
