import type { PredictionApp } from './app.js'

/**
 * Listens on `HOST` (default 127.0.0.1) and `PORT` (default 8080; 0 for a free one), and prints the
 * address. Stops on SIGTERM and SIGINT after the requests in flight. If it cannot listen, it prints
 * one line and exits with 1.
 */
export async function serve(app: PredictionApp): Promise<void> {
  const host = process.env.HOST || '127.0.0.1'
  const port = portFrom(process.env.PORT || '8080')
  try {
    const address = await app.listen({ host, port })
    console.log(`listening at ${address}, described at ${address}/docs`)
  } catch (error) {
    const inUse = error instanceof Error && 'code' in error && error.code === 'EADDRINUSE'
    if (inUse) fail(`port ${port} of ${host} is in use; choose another one with PORT`)
    fail(`cannot listen at port ${port} of ${host}: ${error instanceof Error ? error.message : error}`)
  }
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    // Once: a second signal has its default effect.
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
