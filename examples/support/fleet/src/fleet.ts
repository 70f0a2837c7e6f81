import cluster from 'node:cluster'
import { setTimeout as wait } from 'node:timers/promises'
import fastify from 'fastify'
import { createLimiter, type Store, withFailurePolicy } from 'sluice'
import { limit } from 'sluice/fastify'

/** The part of a Fastify app that a fleet needs, independent of the types of its routes. */
export interface FleetApp {
  listen(options: { readonly host: string; readonly port: number }): Promise<string>
  close(): Promise<unknown>
}

/**
 * Runs one Fastify app in several processes on one port. They share a store, so a client has one
 * limit across all processes.
 *
 * `HOST` (default 127.0.0.1) and `PORT` (default 8080; 0 for a free one) set the address,
 * `PROCESSES` (default 3) the number of processes. SIGTERM or SIGINT stops all processes. If they
 * cannot listen, the program prints one line and exits with 1. If the store does not respond within
 * `STORE_DEADLINE` (default 100ms), each process applies its share of the limits.
 *
 * @param openStore called in each process
 * @param createApp called in each process; by default an app with ten predictions a minute per
 *   client
 */
export async function runFleet(
  openStore: () => Store,
  createApp: (store: Store) => FleetApp | Promise<FleetApp> = tenPredictions,
): Promise<void> {
  const port = numberFromEnv('PORT', 8080, 0)
  const host = process.env.HOST || '127.0.0.1'
  const processes = numberFromEnv('PROCESSES', 3, 1)
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
  // A terminal sends SIGINT to all processes; the primary decides when to stop.
  process.on('SIGINT', () => {})
  try {
    await app.listen({ host, port })
  } catch (error) {
    process.send?.(listenError(error, host, port), () => close(1))
  }
}

/**
 * Connects the store, so that the first request does not time out while it connects. The process
 * also starts if the store is unavailable.
 */
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
    if (++listening === processes)
      console.log(`${processes} processes listen on http://${hostAndPort(host, port)}`)
  })
  // Each worker reports why it cannot listen. Only the first report is printed.
  cluster.on('message', (_worker, message: string) => {
    if (!stopping) console.error(message)
    void stop(1)
  })
  for (let count = 0; count < processes; count++) cluster.fork()
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => stop(0))
}

function listenError(error: unknown, host: string, port: number): string {
  const inUse = error instanceof Error && 'code' in error && error.code === 'EADDRINUSE'
  if (inUse) return `port ${port} on ${host} is already in use; choose another one with PORT`
  return `cannot listen on ${hostAndPort(host, port)}: ${error instanceof Error ? error.message : error}`
}

function hostAndPort(host: string, port: number): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`
}

function numberFromEnv(name: string, fallback: number, min: number): number {
  const text = process.env[name] || String(fallback)
  if (/^\d{1,5}$/.test(text) && Number(text) >= min && Number(text) <= 65_535) return Number(text)
  console.error(`${name} must be a whole number from ${min} to 65535, not '${text}'`)
  return process.exit(1)
}
