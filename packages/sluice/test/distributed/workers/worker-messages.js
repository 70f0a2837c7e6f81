/**
 * Reports that this process is ready, then runs `run` for every request and sends its result.
 *
 * @param {(request: any) => unknown} run
 * @param {(signal: string) => void} [onSignal] called for a signal, which gets no reply
 */
export function serveRequests(run, onSignal) {
  process.on('message', async (message) => {
    if (typeof message === 'string') {
      onSignal?.(message)
      return
    }
    try {
      process.send?.({ result: await run(message) })
    } catch (error) {
      process.send?.({ error: error instanceof Error ? error.stack : String(error) })
    }
  })
  process.on('disconnect', () => process.exit())
  process.send?.({ ready: true })
}

/** The options of this process. */
export const options = JSON.parse(process.argv[2] ?? '{}')
