import { createLimiter } from 'sluice'

const limiter = createLimiter({
  rules: [
    { limit: '100k/minute', of: 'tokens', cost: 2000 },
    { concurrent: 4 },
  ],
})

export async function complete(user: string, prompt: string) {
  const decision = await limiter.admit(user)
  if (!decision.allowed) throw new Error(`come back in ${decision.refusal.retryAfter} ms`)
  await using permit = decision.permit // released at the end of the block, whatever happens
  const answer = await callModel(prompt)
  await permit.settle({ tokens: answer.tokens })
  return answer.text
}

declare function callModel(prompt: string): Promise<{ text: string; tokens: number }>
