import { performance } from 'node:perf_hooks'
import { type ModelServer, startModelServer } from './server.js'

/** Reads a whole number from the environment, or exits with an error. */
function numberFrom(name: string, fallback: number, max: number): number {
  const text = process.env[name] ?? ''
  if (text === '') return fallback
  const value = Number(text)
  if (/^\d+$/.test(text) && value <= max) return value
  return fail(`${name} must be a whole number from 0 to ${max}, not '${text}'`)
}

function fail(message: string): never {
  console.error(`model server: ${message}`)
  process.exit(1)
}

const port = numberFrom('MODEL_PORT', 9000, 65_535)
const tokenInterval = numberFrom('TOKEN_INTERVAL_MS', 20, 60_000)
const maxRunning = numberFrom('MAX_RUNNING', 0, 10_000)
const host = process.env.HOST || '127.0.0.1'
const urlHost = host.includes(':') ? `[${host}]` : host
const startedAt = performance.now()
let printed = 0
let stopping = false

const server: ModelServer = await startModelServer({
  port,
  host,
  tokenInterval,
  ...(maxRunning > 0 && { maxRunning }),
  onProgress(done) {
    // Logs the progress at each quarter.
    const quarter = Math.floor(done * 4)
    if (quarter <= printed || quarter === 4) return
    printed = quarter
    console.log(`model server: training, ${quarter * 25} % done`)
  },
}).catch((error: NodeJS.ErrnoException) => {
  if (error.code === 'EADDRINUSE') {
    return fail(`port ${port} on ${host} is already in use; choose another one with MODEL_PORT`)
  }
  return fail(`cannot listen on ${urlHost}:${port}: ${error.message}`)
})

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  // A second signal has its default effect, which is to end the process.
  process.once(signal, () => {
    stopping = true
    void server.close()
  })
}

const address = `http://${urlHost}:${server.port}`
console.log(`model server: listening on ${address}, training`)
try {
  await server.ready
  const { lightweight, heavy, language } = server.models ?? fail('the server is ready but has no models')
  const percent = (fraction: number) => `${(fraction * 100).toFixed(1)} %`
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1)
  console.log(
    `model server: ready on ${address} after ${seconds} s (accuracy: lightweight ${percent(lightweight.heldOutAccuracy)}, ` +
      `heavy ${percent(heavy.heldOutAccuracy)}; vocabulary: ${language.tokenizer.size} tokens)`,
  )
} catch (error) {
  if (!stopping) fail(error instanceof Error ? error.message : String(error))
}
