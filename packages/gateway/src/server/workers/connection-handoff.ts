import type { ChildProcess } from 'node:child_process'
import { quietTurn } from '../http/graceful-close.js'

interface Handle {
  close(): void
}

/** What Node's primary sends to a worker: the answer to a request to listen, or a connection. */
interface ClusterMessage {
  readonly act?: string
  readonly seq?: number
  /** Identifies a port that the primary listens on for workers. */
  readonly key?: string
}

/** The connections that Node's round-robin scheduling hands to a worker. */
export class ConnectionHandoff {
  readonly #child: ChildProcess
  readonly #unconfirmed = new Map<number, Handle>()
  readonly #ports = new Set<string>()
  #handed = 0

  /** Closes connections that were being handed over when the worker exited. Node would keep them open forever. */
  constructor(child: ChildProcess) {
    this.#child = child
    if (typeof child.send !== 'function') return
    const send = child.send
    child.send = ((message: ClusterMessage | undefined, handle?: Handle, ...rest: unknown[]) => {
      if (message !== undefined) this.#onSend(message, handle)
      return Reflect.apply(send, child, [message, handle, ...rest])
    }) as typeof child.send
    child.on('internalMessage', (message: { ack?: number }) => {
      if (message.ack !== undefined) this.#unconfirmed.delete(message.ack)
    })
    child.once('exit', () => {
      for (const handle of this.#unconfirmed.values()) handle.close()
      this.#unconfirmed.clear()
    })
  }

  /** The number of connections that were handed over so far. */
  get handed(): number {
    return this.#handed
  }

  /** True if the worker has confirmed all connections, so none waits in the primary. */
  get isIdle(): boolean {
    return this.#unconfirmed.size === 0
  }

  /** Makes the primary hand over no more connections, as if the worker had closed its ports. */
  end(): void {
    for (const key of this.#ports)
      this.#child.emit('internalMessage', { cmd: 'NODE_CLUSTER', act: 'close', key })
  }

  #onSend({ act, seq, key }: ClusterMessage, handle: Handle | undefined): void {
    if (typeof key === 'string') this.#ports.add(key)
    if (act !== 'newconn' || seq === undefined || handle === undefined) return
    this.#unconfirmed.set(seq, handle)
    this.#handed++
  }
}

/**
 * Closes the port that the primary listens on for workers. The workers still receive every connection
 * that the primary has accepted, if they close their side after this. Otherwise, connections that are on
 * their way to the last worker would be reset when it closes its side.
 */
export async function closeSharedPort(handoffs: readonly ConnectionHandoff[]): Promise<void> {
  const handed = () => handoffs.reduce((sum, handoff) => sum + handoff.handed, 0)
  await quietTurn(handed, () => handoffs.every(({ isIdle }) => isIdle))
  for (const handoff of handoffs) handoff.end()
}
