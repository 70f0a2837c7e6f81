import type { ChildProcess } from 'node:child_process'

interface Handle {
  close(): void
}

/**
 * Closes the connections that were on their way to a worker when it ended. Node's round-robin keeps such a connection open for
 * ever, since nobody confirms it.
 */
export function closeUnconfirmed(child: ChildProcess): void {
  if (typeof child.send !== 'function') return
  const unconfirmed = new Map<number, Handle>()
  const send = child.send
  child.send = ((message: { act?: string; seq?: number }, handle?: Handle, ...rest: unknown[]) => {
    if (message?.act === 'newconn' && message.seq !== undefined && handle !== undefined)
      unconfirmed.set(message.seq, handle)
    return Reflect.apply(send, child, [message, handle, ...rest])
  }) as typeof child.send
  child.on('internalMessage', (message: { ack?: number }) => {
    if (message.ack !== undefined) unconfirmed.delete(message.ack)
  })
  child.once('exit', () => {
    for (const handle of unconfirmed.values()) handle.close()
    unconfirmed.clear()
  })
}
