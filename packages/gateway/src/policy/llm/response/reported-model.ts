import { own } from '../request/json-fields.js'

/** Maximum length of the name of a model, in UTF-16 code units. */
const MAX_LENGTH = 100

/**
 * Reads the model that a response or an event names: in `model`, in Gemini's `modelVersion`, in the
 * `message` of Anthropic's first event or the `response` of OpenAI's events. Undefined if it names
 * none.
 */
export function reportedModel(value: unknown): string | undefined {
  const model =
    own(value, 'model') ??
    own(value, 'modelVersion') ??
    own(own(value, 'message'), 'model') ??
    own(own(value, 'response'), 'model')
  return typeof model === 'string' && model !== '' ? model.slice(0, MAX_LENGTH) : undefined
}
