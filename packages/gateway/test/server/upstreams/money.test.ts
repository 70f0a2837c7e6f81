import { describe, expect, it } from 'vitest'
import { startPricedGateway, usedOf } from '../gateway/money/priced-gateway.js'
import { startUpstream } from '../gateway/running-gateway.js'
import { CHAT, chat, sendChat } from '../gateway/tokens/chat-calls.js'
import { chatModel } from '../gateway/tokens/chat-model.js'
import { answering, namedServer } from './named-servers.js'

const usage = { prompt_tokens: 100, completion_tokens: 30 }
const call = chat(100, { model: 'big', max_tokens: 50 })

const config = (first: string, next: string, limits = '[]') => `
upstreams:
  first: { url: "${first}", fallback: next }
  next: { url: "${next}", limits: ${limits} }
routes:
  - match: POST ${CHAT}
    llm: openai
    upstream: first
    limits: [{ limit: 20 USD/day, of: money, name: money, by: ip }]
`

describe('a call under a limit on money that goes to a named upstream', () => {
  it('is settled with the usage that the fallback reports, once', async () => {
    const busy = await namedServer('busy', answering(429))
    const next = await startUpstream(chatModel({ words: ['Limits'], usage }).listener)
    const { url } = await startPricedGateway(config(busy.url, next, '[{ limit: 1000/hour, of: tokens }]'))
    expect((await sendChat(url, call)).status).toBe(200)
    // 100 × 0.001 + 30 × 0.01 + 1
    expect(await usedOf(url)).toBe('1.40 USD')
    expect(busy.received).toHaveLength(1)
  })

  it('costs nothing if no upstream serves it, or if the limits of the upstream refuse it', async () => {
    const busy = await namedServer('busy', answering(429))
    const { url } = await startPricedGateway(config(busy.url, busy.url, '[1/hour]'))
    const titles: unknown[] = []
    for (const expected of [429, 429]) {
      const { status, text } = await sendChat(url, call)
      expect(status).toBe(expected)
      titles.push(text)
    }
    expect(titles[0]).toBe('')
    expect(titles[1]).toContain('The upstream accepts no more requests')
    expect(await usedOf(url)).toBe('0 USD')
    expect(busy.received).toHaveLength(3)
  })
})
