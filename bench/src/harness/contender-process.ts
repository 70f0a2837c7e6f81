/** A contender in its own process: gets ready, and measures when it is told to. */
import type { Bench } from './bench.js'
import type { Told } from './contestant.js'

const [file = '', caseIndex, contenderIndex] = process.argv.slice(2)
const { default: bench } = (await import(file)) as { default: Bench }
const contender = bench.cases[Number(caseIndex)]?.contenders[Number(contenderIndex)]
if (contender === undefined) throw new Error('no such contender')

const tell = (told: Told) => process.send?.(told)

try {
  const started = await contender.start()
  process.on('message', async (asked) => {
    try {
      if (asked === 'measure') tell({ figure: await started.measure() })
      else {
        await started.stop?.()
        process.exit()
      }
    } catch (error) {
      tell({ cannotRun: reasonOf(error) })
    }
  })
  tell({ ready: true })
} catch (error) {
  // There is nothing to stop.
  process.send?.({ cannotRun: reasonOf(error) } satisfies Told, () => process.exit())
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return error.name === 'CannotRun' ? error.message : (error.stack ?? error.message)
}
