import type { PredictionApp } from './app.js'

/**
 * Listens on `HOST` (default 127.0.0.1) and `PORT` (default 8080; 0 for a free one), and prints the
 * address. On SIGTERM or SIGINT, finishes the requests in flight and stops. If it cannot listen,
 * prints one line and exits with 1.
 */
export async function serve(app: PredictionApp): Promise<void> {
  const host = process.env.HOST || '127.0.0.1'
  const port = portFrom(process.env.PORT || '8080')
  try {
    const address = await app.listen({ host, port })
    console.log(`listening on ${address}, API documentation at ${address}/docs`)
  } catch (error) {
    const inUse = error instanceof Error && 'code' in error && error.code === 'EADDRINUSE'
    if (inUse) fail(`port ${port} on ${host} is already in use; choose another one with PORT`)
    const endpoint = `${host.includes(':') ? `[${host}]` : host}:${port}`
    fail(`cannot listen on ${endpoint}: ${error instanceof Error ? error.message : error}`)
  }
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    // A second signal has its default effect, which is to end the process.
    process.once(signal, () => void app.close())
  }
}

function portFrom(text: string): number {
  if (/^\d{1,5}$/.test(text) && Number(text) <= 65_535) return Number(text)
  return fail(`PORT must be a whole number from 0 to 65535, not '${text}'`)
}

function fail(message: string): never {
  console.error(message)
  process.exit(1)
}
