import type { PredictionApp } from './app.js'

/**
 * Listens where `HOST` (127.0.0.1) and `PORT` (8080; 0 takes a free one) say, prints where that is, and stops on SIGTERM and
 * SIGINT when what is in flight has ended. Where it cannot listen, it says so in one line and exits 1.
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
    // Once: a second signal ends the process as it would without this.
    process.once(signal, () => void app.close())
  }
}

function portFrom(text: string): number {
  if (/^\d{1,5}$/.test(text) && Number(text) <= 65_535) return Number(text)
  return fail(`PORT is a whole number from 0 to 65535, not '${text}'`)
}

function fail(message: string): never {
  console.error(message)
  process.exit(1)
}
