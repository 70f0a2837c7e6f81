import { expect } from 'vitest'
import { send } from '../running-gateway.js'

export const CHAT = '/v1/chat/completions'

/** Builds a chat request whose input is estimated at `inputTokens` tokens. */
export function chat(inputTokens: number, more: object = {}): object {
  return { model: 'm', messages: [{ role: 'user', content: 'x'.repeat(4 * inputTokens) }], ...more }
}

/** Sends a chat request as a client. */
export function sendChat(url: string, body: object, client = 'one') {
  const headers = { 'content-type': 'application/json', 'x-client': client }
  return send(url, CHAT, { headers, body: JSON.stringify(body) })
}

/**
 * Returns the remaining units of the limit `tokens`. They are read from the refusal of a request
 * that can never fit, which charges nothing.
 */
export async function tokensLeft(url: string, client = 'one'): Promise<number> {
  const { status, headers } = await sendChat(url, chat(0, { max_tokens: 1_000_000_000 }), client)
  expect(status).toBe(429)
  const left = /"tokens";r=(\d+)/.exec(String(headers.ratelimit))?.[1]
  return Number(left)
}
