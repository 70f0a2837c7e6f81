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

type Metadata = Readonly<Record<'id' | 'model', string> & { created: number }>

/** Yields pieces of a completion, and returns its finish reason and usage. */
type Completion = AsyncGenerator<string, { readonly finishReason: FinishReason; readonly usage: Usage }, void>

/** Creates the handler of POST /v1/chat/completions: a JSON response or a stream of events. */
export function chat(model: LanguageModel, options: ChatOptions): Handler {
  return async ({ request, response }) => {
    const params = parse(await readJson(request), chatRequest)
    const metadata = {
      id: `chatcmpl-${randomUUID()}`,
      created: Math.floor(Date.now() / 1000),
      model: 'trigram',
    }
    const disconnected = new AbortController()
    response.on('close', () => disconnected.abort())
    // If the client disconnected while the body was read, no 'close' event follows.
    if (response.destroyed) disconnected.abort()
    const completion = write(model, params, options, disconnected.signal)
    const { generations } = options
    try {
      disconnected.signal.throwIfAborted()
      await generations.begin(disconnected.signal)
      try {
        if (params.stream)
          await streamCompletion(response, metadata, completion, params.includeUsage, disconnected.signal)
        else await sendCompletion(response, metadata, completion)
      } finally {
        generations.end()
      }
    } catch (error) {
      if (!disconnected.signal.aborted) throw error
      generations.abandoned++
    }
  }
}

/** Generates a completion, and stops when the client disconnects. */
async function* write(
  model: LanguageModel,
  params: ChatRequest,
  { tokenInterval, generations }: ChatOptions,
  disconnected: AbortSignal,
): Completion {
  const prompt = model.tokenizer.encode(params.prompt)
  const tokens = paced(model.write(prompt, params), tokenInterval, disconnected)
  const stops = new StopSequences(params.stops)
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

async function sendCompletion(response: ServerResponse, metadata: Metadata, completion: Completion) {
  let content = ''
  let step = await completion.next()
  for (; !step.done; step = await completion.next()) content += step.value
  const { finishReason, usage } = step.value
  sendJson(response, 200, {
    ...metadata,
    object: 'chat.completion',
    choices: [
      { index: 0, message: { role: 'assistant', content }, logprobs: null, finish_reason: finishReason },
    ],
    usage,
  })
}

async function streamCompletion(
  response: ServerResponse,
  metadata: Metadata,
  completion: Completion,
  includeUsage: boolean,
  disconnected: AbortSignal,
) {
  const events = new EventStream(response, disconnected)
  const chunk = (choices: unknown[], usage: Usage | null) =>
    events.send(
      JSON.stringify({
        ...metadata,
        object: 'chat.completion.chunk',
        choices,
        // If usage was requested, every chunk has this member. It is null except in the last chunk.
        ...(includeUsage ? { usage } : {}),
      }),
    )
  const delta = (delta: unknown, finishReason: FinishReason | null = null) =>
    chunk([{ index: 0, delta, logprobs: null, finish_reason: finishReason }], null)

  await delta({ role: 'assistant', content: '' })
  let step = await completion.next()
  for (; !step.done; step = await completion.next()) {
    if (step.value !== '') await delta({ content: step.value })
  }
  const { finishReason, usage } = step.value
  await delta({}, finishReason)
  if (includeUsage) await chunk([], usage)
  await events.send('[DONE]')
  response.end()
}
