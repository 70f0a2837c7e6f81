import fastify from 'fastify'

/** An app with a common fault: each request divides the shared limit, which is never restored. */
export function dividingApp(isWarming: () => boolean, minute: () => number) {
  const limiter = { limit: 50 }
  const counts = new Map<string, number>()
  const app = fastify()
  app.post('/predict', async ({ ip }, reply) => {
    if (isWarming()) limiter.limit = Math.floor(limiter.limit / 5)
    const key = `${ip} ${minute()}`
    const count = (counts.get(key) ?? 0) + 1
    counts.set(key, count)
    if (count > limiter.limit) return reply.code(429).send({ detail: 'Too many requests' })
    return { prediction: 'calm' }
  })
  return app
}
