import fastify from 'fastify'

/**
 * An app with common faults: a header sets the tier, a premium request multiplies the limit of one
 * shared limiter, and all premium clients share one key.
 */
export function naiveTiersApp() {
  const limiter = { limit: 20, counts: new Map<string, number>() }
  const admit = (key: string) => {
    const count = (limiter.counts.get(key) ?? 0) + 1
    limiter.counts.set(key, count)
    return count <= limiter.limit
  }
  const app = fastify()
  app.post('/predict', async ({ headers, ip }, reply) => {
    const premium = headers['x-user-tier'] === 'premium'
    if (premium) limiter.limit *= 5
    if (!admit(premium ? 'premium' : ip)) return reply.code(429).send({ detail: 'Too many requests' })
    reply.header('x-ratelimit-limit', limiter.limit)
    return { prediction: 'calm' }
  })
  return app
}

/** An app with one fault: all premium clients share one key. */
export function sharedKeyApp() {
  const counts = new Map<string, number>()
  const app = fastify()
  app.post('/predict', async ({ headers, ip }, reply) => {
    const premium = headers['x-api-key'] !== undefined
    const key = premium ? 'premium' : ip
    const count = (counts.get(key) ?? 0) + 1
    counts.set(key, count)
    if (count > (premium ? 100 : 20)) return reply.code(429).send({ detail: 'Too many requests' })
    return { prediction: 'calm' }
  })
  return app
}

/** An app with one fault: it trusts the tier in a header. */
export function trustingApp() {
  const counts = new Map<string, number>()
  const app = fastify()
  app.post('/predict', async ({ headers, ip }, reply) => {
    const count = (counts.get(ip) ?? 0) + 1
    counts.set(ip, count)
    if (count > (headers['x-user-tier'] === 'premium' ? 100 : 20)) {
      return reply.code(429).send({ detail: 'Too many requests' })
    }
    return { prediction: 'calm' }
  })
  return app
}
