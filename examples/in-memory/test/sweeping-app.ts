import fastify from 'fastify'

/** An app with a common fault: each request sweeps the recorded times of all clients. */
export function sweepingApp(now: () => number) {
  const seen = new Map<string, number[]>()
  const app = fastify()
  app.post('/predict', async ({ ip }, reply) => {
    for (const [client, times] of seen) {
      const recent = times.filter((time) => time > now() - 60_000)
      if (recent.length > 0) seen.set(client, recent)
      else seen.delete(client)
    }
    const times = seen.get(ip) ?? []
    if (times.length >= 10) return reply.code(429).send({ detail: 'Too many requests' })
    seen.set(ip, [...times, now()])
    return { prediction: 'calm' }
  })
  return app
}
