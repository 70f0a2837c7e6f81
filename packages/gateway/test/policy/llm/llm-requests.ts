import { type LlmCall, type LlmOptions, readCall } from '../../../src/policy/llm/llm-call.js'
import { openAIChat } from '../../../src/policy/llm/shapes/openai-chat.js'
import type { Shape } from '../../../src/policy/llm/shapes/shape.js'

/** Reads a request body as a route with the shape does. A string is parsed as JSON. */
export function callOf(shape: Shape, body: unknown, options: Partial<LlmOptions> = {}, path = ''): LlmCall {
  const json = typeof body === 'string' ? body : JSON.stringify(body)
  const all = { shape, defaultOutput: 1000, cachedWeight: 1, asksForUsage: true, ...options }
  return readCall(all, JSON.parse(json), path)
}

/** Creates a chat call with the given number of input characters, streamed by default. */
export function chat(characters: number, more: object = {}, options: Partial<LlmOptions> = {}): LlmCall {
  const messages = [{ role: 'user', content: 'x'.repeat(characters) }]
  return callOf(openAIChat, { model: 'm', messages, stream: true, ...more }, options)
}

export const SSE_HEADERS = ['Content-Type', 'text/event-stream; charset=utf-8']
export const JSON_HEADERS = ['Content-Type', 'application/json']

/** Formats data as a server-sent event. */
export function event(data: unknown, end = '\n'): string {
  return `data: ${typeof data === 'string' ? data : JSON.stringify(data)}${end}${end}`
}
