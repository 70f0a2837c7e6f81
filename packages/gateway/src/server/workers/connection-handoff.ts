import type { ChildProcess } from 'node:child_process'

interface Handle {
  close(): void
}

/**
 * Closes connections that were being handed to a worker when it exited. Node's round-robin
 * scheduling would keep such a connection open forever, waiting for its confirmation.
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
