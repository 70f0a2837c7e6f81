import { isFields, listOf, own } from '../request/json-fields.js'
import type { TokenUsage } from '../usage.js'

/** An event that the gateway adds to a stream. */
export interface AddedEvent {
  /** The name of the event, for APIs whose events have one. */
  readonly name?: string
  /** A value that is sent as JSON, or text that is sent as it is. */
  readonly data: object | string
}

/**
 * Ends a stream in place of the upstream, as if the model had reached its maximum output. It reads
 * the events before the end, whose identifiers the last ones repeat.
 */
export interface StreamEnding {
  /** Reads the data of an event of the upstream. */
  see(data: unknown): void
  /** True once the upstream has ended the stream itself, so that nothing may be added. */
  readonly hasEnded: boolean
  /**
   * Returns the events that end the stream.
   *
   * @param wantsUsage whether the client requested an event with the usage
   */
  events(used: TokenUsage, wantsUsage: boolean): readonly AddedEvent[]
}

/** The members of an event that every event of its stream repeats. */
function common(event: unknown, names: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(
    names.flatMap((name) => (own(event, name) === undefined ? [] : [[name, own(event, name)]])),
  )
}

/** Ends a stream of chat completions or completions. @param empty the content of the last choices */
export function choicesEnding(empty: object): () => StreamEnding {
  return () => {
    let first: unknown
    const indexes = new Set<number>()
    let hasEnded = false
    return {
      get hasEnded() {
        return hasEnded
      },
      see(data) {
        const choices = listOf(data, 'choices')
        first ??= isFields(data) ? data : undefined
        for (const choice of choices) {
          const index = own(choice, 'index')
          if (typeof index !== 'number') continue
          if (typeof own(choice, 'finish_reason') === 'string') indexes.delete(index)
          else indexes.add(index)
          hasEnded = indexes.size === 0
        }
      },
      events({ input, output }, wantsUsage) {
        const head = common(first, ['id', 'object', 'created', 'model', 'system_fingerprint'])
        const choices = [...indexes].map((index) => ({ index, ...empty, finish_reason: 'length' }))
        const usage = { prompt_tokens: input, completion_tokens: output, total_tokens: input + output }
        return [
          { data: { ...head, choices } },
          ...(wantsUsage ? [{ data: { ...head, choices: [], usage } }] : []),
          { data: '[DONE]' },
        ]
      },
    }
  }
}

const ENDS: ReadonlySet<unknown> = new Set(['response.completed', 'response.incomplete', 'response.failed'])

/** Ends a stream of responses. Its last event repeats the response without its output. */
export function responsesEnding(): StreamEnding {
  let response: unknown
  let sequence = 0
  let hasEnded = false
  return {
    get hasEnded() {
      return hasEnded
    },
    see(data) {
      response ??= own(data, 'response')
      hasEnded = ENDS.has(own(data, 'type'))
      const number = own(data, 'sequence_number')
      if (typeof number === 'number') sequence = number + 1
    },
    events({ input, output }) {
      return [
        {
          name: 'response.incomplete',
          data: {
            type: 'response.incomplete',
            sequence_number: sequence,
            response: {
              ...(isFields(response) ? response : {}),
              status: 'incomplete',
              incomplete_details: { reason: 'max_output_tokens' },
              usage: { input_tokens: input, output_tokens: output, total_tokens: input + output },
            },
          },
        },
      ]
    },
  }
}

/** Ends a stream of messages, and the content block that is open. */
export function messagesEnding(): StreamEnding {
  let open: unknown
  let hasEnded = false
  return {
    get hasEnded() {
      return hasEnded
    },
    see(data) {
      const type = own(data, 'type')
      if (type === 'content_block_start') open = own(data, 'index')
      else if (type === 'content_block_stop') open = undefined
      else if (type === 'message_delta') hasEnded = true
    },
    events({ output }) {
      const named = (data: { readonly type: string }) => ({ name: data.type, data })
      return [
        ...(open === undefined
          ? []
          : [named({ type: 'content_block_stop', index: open } as { type: string })]),
        named({
          type: 'message_delta',
          delta: { stop_reason: 'max_tokens', stop_sequence: null },
          usage: { output_tokens: output },
        } as { type: string }),
        named({ type: 'message_stop' }),
      ]
    },
  }
}

/** Ends a stream of Gemini's API, as events or as a list. */
export function geminiEnding(): StreamEnding {
  let first: unknown
  let hasEnded = false
  return {
    get hasEnded() {
      return hasEnded
    },
    see(data) {
      first ??= isFields(data) ? data : undefined
      hasEnded ||= listOf(data, 'candidates').some((each) => typeof own(each, 'finishReason') === 'string')
    },
    events({ input, output, reasoning }) {
      const content = { parts: [], role: 'model' }
      return [
        {
          data: {
            candidates: [{ content, finishReason: 'MAX_TOKENS', index: 0 }],
            usageMetadata: {
              promptTokenCount: input,
              candidatesTokenCount: output - reasoning,
              ...(reasoning > 0 && { thoughtsTokenCount: reasoning }),
              totalTokenCount: input + output,
            },
            ...common(first, ['modelVersion', 'responseId']),
          },
        },
      ]
    },
  }
}

/** Ends a stream of Ollama's API. @param empty the content of the last value */
export function ollamaEnding(empty: object): () => StreamEnding {
  return () => {
    let last: unknown
    return {
      get hasEnded() {
        return own(last, 'done') === true
      },
      see(data) {
        last = data
      },
      events({ input, output }) {
        const head = common(last, ['model', 'created_at'])
        const counts = { prompt_eval_count: input, eval_count: output }
        return [{ data: { ...head, ...empty, done: true, done_reason: 'length', ...counts } }]
      },
    }
  }
}
