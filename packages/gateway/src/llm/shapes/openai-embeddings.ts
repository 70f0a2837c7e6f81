import { RequestError } from 'sluice'
import { own } from '../request/fields.js'
import { countPrompts } from '../request/input-text.js'
import { askedOpenAI, openAIUsage, tellsOfError } from './openai-fields.js'
import type { Shape } from './shape.js'

/** `POST /v1/embeddings`. It has no output that is counted, and no stream. */
export const openAIEmbeddings: Shape = {
  name: 'openai-embeddings',
  usageOnRequest: false,
  ask(body, input) {
    const texts = own(body, 'input')
    // Servers of multimodal models take chat messages here.
    const prompts = texts === undefined ? own(body, 'messages') : texts
    if (prompts === undefined) throw new RequestError("'input' is missing")
    countPrompts(prompts, input)
    return askedOpenAI(body, 0, 1)
  },
  answer(body) {
    const failed = tellsOfError(body)
    if (own(body, 'usage') === undefined && !failed) return undefined
    return { usage: { ...openAIUsage(body), output: 0 }, texts: [], failed }
  },
  event: () => undefined,
}
