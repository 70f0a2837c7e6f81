import { RequestError } from 'sluice'
import { countOtherMembers, countPrompts } from '../request/input-text.js'
import { own } from '../request/json-fields.js'
import { hasError } from './error-body.js'
import { openAICallParameters, openAIUsage } from './openai-fields.js'
import type { Shape } from './shape.js'

const COUNTED: ReadonlySet<string> = new Set(['input'])

/**
 * The shape of `POST /v1/moderations`, whose output is not counted:
 * https://platform.openai.com/docs/api-reference/moderations.
 */
export const openAIModerations: Shape = {
  name: 'openai-moderations',
  vendor: 'openai',
  operation: 'generate_content',
  usageOnRequest: false,
  readRequest(body, input) {
    const texts = own(body, 'input')
    if (texts === undefined) throw new RequestError("'input' is missing")
    countPrompts(texts, input)
    countOtherMembers(body, COUNTED, input)
    return openAICallParameters(body, 0, 1)
  },
  readResponse(body) {
    const failed = hasError(body)
    if (!Array.isArray(own(body, 'results')) && !failed) return undefined
    return { usage: { input: openAIUsage(body).input, output: 0 }, texts: [], failed }
  },
  readEvent: () => undefined,
}
