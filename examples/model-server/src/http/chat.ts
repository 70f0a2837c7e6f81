import { randomUUID } from 'node:crypto'
import type { ServerResponse } from 'node:http'
import type { FinishReason } from '../text/generation.js'
import type { LanguageModel } from '../text/language-model.js'
import { readJson } from './body.js'
import { type ChatRequest, chatRequest } from './chat-request.js'
import { EventStream } from './event-stream.js'
import { type Handler, sendJson } from './exchange.js'
import type { Generations } from './generations.js'
import { paced } from './pace.js'
import { StopSequences } from './stop-sequences.js'
import { parse } from './validation.js'

export interface ChatOptions {
  /** Delay between two tokens, in milliseconds. */
  readonly tokenInterval: number
  readonly generations: Generations
}

interface Usage {
  readonly prompt_tokens: number
  readonly completion_tokens: number
  readonly total_tokens: number
}

type Head = Readonly<Record<'id' | 'model', string> & { created: number }>

/** Yields pieces of the completion; returns the finish reason and the number of tokens. */
type Writing = AsyncGenerator<string, { readonly finishReason: FinishReason; readonly usage: Usage }, void>

/** Handles POST /v1/chat/completions, with a JSON response or a stream of events. */
export function chat(model: LanguageModel, options: ChatOptions): Handler {
  return async ({ request, response }) => {
    const asked = parse(await readJson(request), chatRequest)
    const head = {
      id: `chatcmpl-${randomUUID()}`,
      created: Math.floor(Date.now() / 1000),
      model: 'trigram',
    }
    const gone = new AbortController()
    response.on('close', () => gone.abort())
    // The client may have disconnected while the body was read; there is no further event then.
    if (response.destroyed) gone.abort()
    const writing = write(model, asked, options, gone.signal)
    options.generations.running++
    try {
      if (asked.stream) await answerAsStream(response, head, writing, asked.includeUsage, gone.signal)
      else await answerAsWhole(response, head, writing)
    } catch (error) {
      if (!gone.signal.aborted) throw error
      options.generations.abandoned++
    } finally {
      options.generations.running--
    }
  }
}

async function* write(
  model: LanguageModel,
  asked: ChatRequest,
  { tokenInterval, generations }: ChatOptions,
  gone: AbortSignal,
): Writing {
  const prompt = model.tokenizer.encode(asked.prompt)
  const tokens = paced(model.write(prompt, asked), tokenInterval, gone)
  const stops = new StopSequences(asked.stops)
  let written = 0
  const end = (finishReason: FinishReason) => ({
    finishReason,
    usage: {
      prompt_tokens: prompt.length,
      completion_tokens: written,
      total_tokens: prompt.length + written,
    },
  })
  for (;;) {
    const step = await tokens.next()
    if (step.done) {
      yield stops.rest()
      return end(step.value)
    }
    written++
    generations.tokens++
    const { text, stopped } = stops.add(model.tokenizer.decode([step.value]))
    yield text
    if (stopped) return end('stop')
  }
}

async function answerAsWhole(response: ServerResponse, head: Head, writing: Writing) {
  let content = ''
  let step = await writing.next()
  for (; !step.done; step = await writing.next()) content += step.value
  const { finishReason, usage } = step.value
  sendJson(response, 200, {
    ...head,
    object: 'chat.completion',
    choices: [
      { index: 0, message: { role: 'assistant', content }, logprobs: null, finish_reason: finishReason },
    ],
    usage,
  })
}

async function answerAsStream(
  response: ServerResponse,
  head: Head,
  writing: Writing,
  includeUsage: boolean,
  gone: AbortSignal,
) {
  const events = new EventStream(response, gone)
  const chunk = (choices: unknown[], usage: Usage | null) =>
    events.send(
      JSON.stringify({
        ...head,
        object: 'chat.completion.chunk',
        choices,
        // If usage was requested, each chunk has the field, but only the last one has a value.
        ...(includeUsage ? { usage } : {}),
      }),
    )
  const delta = (delta: unknown, finishReason: FinishReason | null = null) =>
    chunk([{ index: 0, delta, logprobs: null, finish_reason: finishReason }], null)

  await delta({ role: 'assistant', content: '' })
  let step = await writing.next()
  for (; !step.done; step = await writing.next()) {
    if (step.value !== '') await delta({ content: step.value })
  }
  const { finishReason, usage } = step.value
  await delta({}, finishReason)
  if (includeUsage) await chunk([], usage)
  await events.send('[DONE]')
  response.end()
}
