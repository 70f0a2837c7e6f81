import { systemTimers, withinDeadline } from 'sluice/internal'
import type { Log } from './logging/log.js'

/**
 * Waits until parts of a process are closed, which close at the same time, so that none waits for
 * another one that hangs. A part that is not closed in time is abandoned, and logged by its name.
 *
 * @param parts promises that settle when the parts are closed; undefined for a part that was not used
 */
export async function closeParts(
  parts: Readonly<Record<string, Promise<unknown> | undefined>>,
  timeoutMs: number,
  log: Pick<Log, 'error'>,
): Promise<void> {
  await Promise.all(
    Object.entries(parts).map(async ([part, closed]) => {
      if (closed === undefined) return
      try {
        await withinDeadline(closed, timeoutMs, systemTimers)
      } catch (error) {
        log.error({ part, reason: (error as Error).message }, 'a part of the gateway could not be closed')
      }
    }),
  )
}
