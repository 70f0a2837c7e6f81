import type { ChildProcess } from 'node:child_process'

/** A worker that leaves a connection untouched for so long hangs, in milliseconds. */
const HANG_MS = 10_000
const CHECK_INTERVAL_MS = 1000

interface Handle {
  close(): void
}

/**
 * Closes the connections that were on their way to a worker when it ended, and ends a worker that hangs. Node's round-robin
 * keeps such a connection open for ever, since nobody confirms it.
 *
 * @param hangs called before a worker that hangs is ended
 */
export function closeUnconfirmed(child: ChildProcess, hangs: () => void): void {
  if (typeof child.send !== 'function') return
  const unconfirmed = new Map<number, { readonly handle: Handle; readonly since: number }>()
  const send = child.send
  child.send = ((message: { act?: string; seq?: number }, handle?: Handle, ...rest: unknown[]) => {
    if (message?.act === 'newconn' && message.seq !== undefined && handle !== undefined)
      unconfirmed.set(message.seq, { handle, since: performance.now() })
    return Reflect.apply(send, child, [message, handle, ...rest])
  }) as typeof child.send
  child.on('internalMessage', (message: { ack?: number }) => {
    if (message.ack !== undefined) unconfirmed.delete(message.ack)
  })
  const check = setInterval(() => {
    const [oldest] = unconfirmed.values()
    if (oldest === undefined || performance.now() - oldest.since < HANG_MS) return
    clearInterval(check)
    hangs()
    child.kill('SIGKILL')
  }, CHECK_INTERVAL_MS).unref()
  child.once('exit', () => {
    clearInterval(check)
    for (const { handle } of unconfirmed.values()) handle.close()
    unconfirmed.clear()
  })
}
