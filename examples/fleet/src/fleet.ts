import cluster from 'node:cluster'
import { setTimeout as wait } from 'node:timers/promises'
import fastify from 'fastify'
import type { Store } from 'sluice'
import { limit } from 'sluice/fastify'

/**
 * Runs one Fastify app in several processes on one port, whose limits are kept in one store: ten predictions a minute for
 * a client, whichever process answers.
 *
 * `HOST` (127.0.0.1) and `PORT` (8080) are where it listens, and `PROCESSES` (3) how many there are. SIGTERM or SIGINT ends all of them.
 *
 * @param openStore called in each process
 */
export async function runFleet(openStore: () => Store): Promise<void> {
  if (cluster.isPrimary) return runPrimary(numberOf('PROCESSES', 3))
  const store = openStore()
  const app = fastify()
  const tenAMinute = limit({
    store,
    name: 'predict',
    rules: [{ limit: '10/minute', algorithm: 'fixed-window' }],
  })
  app.post('/predict', { preHandler: tenAMinute }, async () => ({ prediction: 'calm', process: process.pid }))
  app.addHook('onClose', () => store.close())
  process.once('SIGTERM', async () => {
    await app.close()
    process.exit()
  })
  // The terminal sends it to all processes; the primary says when to stop.
  process.on('SIGINT', () => {})
  await app.listen({ host: process.env.HOST ?? '127.0.0.1', port: numberOf('PORT', 8080) })
}

async function runPrimary(processes: number): Promise<void> {
  let listening = 0
  cluster.on('listening', (_worker, { port }) => {
    if (++listening === processes) console.log(`${processes} processes listen on http://127.0.0.1:${port}`)
  })
  for (let count = 0; count < processes; count++) cluster.fork()
  const stop = async () => {
    for (const worker of Object.values(cluster.workers ?? {})) worker?.process.kill('SIGTERM')
    while (Object.keys(cluster.workers ?? {}).length > 0) await wait(20)
    process.exit()
  }
  process.once('SIGTERM', stop).once('SIGINT', stop)
}

function numberOf(name: string, otherwise: number): number {
  const text = process.env[name] ?? String(otherwise)
  if (/^\d{1,5}$/.test(text) && Number(text) >= 1 && Number(text) <= 65_535) return Number(text)
  throw new RangeError(`${name} is a whole number from 1 to 65535, not '${text}'`)
}
