/** Prepares one contender in this process and measures it on request. */
import type { Bench } from './bench.js'
import type { ContenderMessage } from './contestant.js'

const [file = '', caseIndex, contenderIndex] = process.argv.slice(2)
const { default: bench } = (await import(file)) as { default: Bench }
const contender = bench.cases[Number(caseIndex)]?.contenders[Number(contenderIndex)]
if (contender === undefined) throw new Error(`no contender ${contenderIndex} in case ${caseIndex} of ${file}`)

// Servers are killed when this process exits, however the benchmark ends.
process.on('disconnect', () => process.exit(1))
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1))

const send = (message: ContenderMessage) => process.send?.(message)

try {
  const started = await contender.start()
  process.on('message', async (request) => {
    try {
      if (request === 'measure') send({ measured: await started.measure() })
      else {
        await started.stop?.()
        process.exit()
      }
    } catch (error) {
      send({ cannotRun: reasonOf(error) })
    }
  })
  send({ ready: true })
} catch (error) {
  // The contender did not start, so there is nothing to stop.
  process.send?.({ cannotRun: reasonOf(error) } satisfies ContenderMessage, () => process.exit())
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return error.name === 'CannotRun' ? error.message : (error.stack ?? error.message)
}
