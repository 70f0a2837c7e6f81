import Fastify from 'fastify'
import { limit, settle } from 'sluice/fastify'

const app = Fastify()
const tokens = limit({ rules: [{ limit: '100k/minute', of: 'tokens', cost: () => 1024 }] })
app.post('/generate', { preHandler: tokens }, async (request) => {
  const answer = { text: 'Hello', usage: { total_tokens: 12 } } // what your model says
  await settle(request, { tokens: answer.usage.total_tokens })
  return answer
})
