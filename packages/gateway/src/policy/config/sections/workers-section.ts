import { availableParallelism } from 'node:os'
import type { Read } from '../yaml/decoders.js'
import { wholeNumber } from '../yaml/scalars.js'

const MAX_WORKERS = 256

const count = wholeNumber(1, MAX_WORKERS)

/** How many processes take requests: a number, or `auto` for one a core. */
export const readWorkers: Read<number> = (node, problems) => {
  if (node.kind === 'scalar' && node.value === 'auto') return availableParallelism()
  if (node.kind === 'scalar' && typeof node.value === 'number') return count(node, problems)
  problems.at(node, `'workers' is a whole number from 1 to ${MAX_WORKERS}, or auto for one a core`)
  return undefined
}
