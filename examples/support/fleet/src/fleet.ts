import cluster from 'node:cluster'
import { setTimeout as wait } from 'node:timers/promises'
import fastify from 'fastify'
import { createLimiter, type Store, withFailurePolicy } from 'sluice'
import { limit } from 'sluice/fastify'

/** The part of a Fastify app that a fleet needs, whatever types its routes have. */
export interface FleetApp {
  listen(options: { readonly host: string; readonly port: number }): Promise<string>
  close(): Promise<unknown>
}

/**
 * Runs one Fastify app in several processes on one port, whose limits are kept in one store: so much for a client, whichever
 * process answers.
 *
 * `HOST` (127.0.0.1) and `PORT` (8080; 0 takes a free one) are where it listens, and `PROCESSES` (3) how many there are. SIGTERM or SIGINT
 * ends all of them. Where they cannot listen, it says so in one line and exits 1. Where the store does not answer within
 * `STORE_DEADLINE` (100ms), each process gives out its part.
 *
 * @param openStore called in each process
 * @param createApp called in each process; default: ten predictions a minute for a client
 */
export async function runFleet(
  openStore: () => Store,
  createApp: (store: Store) => FleetApp | Promise<FleetApp> = tenPredictions,
): Promise<void> {
  const port = numberOf('PORT', 8080, 0)
  const host = process.env.HOST || '127.0.0.1'
  const processes = numberOf('PROCESSES', 3, 1)
  if (cluster.isPrimary) return runPrimary(processes, host)
  const opened = openStore()
  await connect(opened)
  const store = withFailurePolicy(opened, {
    policy: 'local',
    peers: processes,
    deadline: process.env.STORE_DEADLINE || '100ms',
  })
  const app = await createApp(store)
  const close = async (exitCode: number) => {
    await app.close()
    await store.close()
    process.exit(exitCode)
  }
  process.once('SIGTERM', () => close(0))
  // The terminal sends it to all processes; the primary says when to stop.
  process.on('SIGINT', () => {})
  try {
    await app.listen({ host, port })
  } catch (error) {
    process.send?.(whyNot(error, host, port), () => close(1))
  }
}

/** Else the first request would do it, and be decided without the store if that took long. A store that is away is no reason to wait. */
async function connect(store: Store): Promise<void> {
  const limiter = createLimiter({ store, name: 'start', rules: [{ limit: '1/second' }] })
  await Promise.resolve(limiter.peek('start')).catch(() => {})
}

function tenPredictions(store: Store): FleetApp {
  const app = fastify()
  const tenAMinute = limit({
    store,
    name: 'predict',
    rules: [{ limit: '10/minute', algorithm: 'fixed-window' }],
  })
  app.post('/predict', { preHandler: tenAMinute }, async () => ({ prediction: 'calm', process: process.pid }))
  return app
}

async function runPrimary(processes: number, host: string): Promise<void> {
  let listening = 0
  let stopping = false
  const stop = async (exitCode: number) => {
    if (stopping) return
    stopping = true
    for (const worker of Object.values(cluster.workers ?? {})) worker?.process.kill('SIGTERM')
    while (Object.keys(cluster.workers ?? {}).length > 0) await wait(20)
    process.exit(exitCode)
  }
  cluster.on('listening', (_worker, { port }) => {
    if (++listening === processes) console.log(`${processes} processes listen on http://${host}:${port}`)
  })
  // What a process says is why it cannot listen; one line is enough for all of them.
  cluster.on('message', (_worker, why: string) => {
    if (!stopping) console.error(why)
    void stop(1)
  })
  for (let count = 0; count < processes; count++) cluster.fork()
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => stop(0))
}

function whyNot(error: unknown, host: string, port: number): string {
  const inUse = error instanceof Error && 'code' in error && error.code === 'EADDRINUSE'
  if (inUse) return `port ${port} of ${host} is in use; choose another one with PORT`
  return `cannot listen at port ${port} of ${host}: ${error instanceof Error ? error.message : error}`
}

function numberOf(name: string, otherwise: number, least: number): number {
  const text = process.env[name] || String(otherwise)
  if (/^\d{1,5}$/.test(text) && Number(text) >= least && Number(text) <= 65_535) return Number(text)
  console.error(`${name} is a whole number from ${least} to 65535, not '${text}'`)
  return process.exit(1)
}
