import { expect } from 'vitest'
import { send } from '../running-gateway.js'

export const CHAT = '/v1/chat/completions'

/** Builds a chat whose input is estimated at `inputTokens`. */
export function chat(inputTokens: number, more: object = {}): object {
  return { model: 'm', messages: [{ role: 'user', content: 'x'.repeat(4 * inputTokens) }], ...more }
}

/** Sends a chat as a client. */
export function ask(url: string, body: object, client = 'one') {
  const headers = { 'content-type': 'application/json', 'x-client': client }
  return send(url, CHAT, { headers, body: JSON.stringify(body) })
}

/**
 * Reads the remaining units of the limit `tokens` from the refusal of a request that can never fit,
 * and so charges nothing.
 */
export async function tokensLeft(url: string, client = 'one'): Promise<number> {
  const { status, headers } = await ask(url, chat(0, { max_tokens: 1_000_000_000 }), client)
  expect(status).toBe(429)
  const left = /"tokens";r=(\d+)/.exec(String(headers.ratelimit))?.[1]
  return Number(left)
}
