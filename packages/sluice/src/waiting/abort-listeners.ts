/** The callbacks that wait for one signal. */
interface AbortListener {
  readonly callbacks: Set<() => void>
  readonly listener: () => void
}

const abortListeners = new WeakMap<AbortSignal, AbortListener>()

/**
 * Calls back when a signal is aborted. All callbacks of a signal share one listener, because Node
 * warns of a leak from the eleventh listener on.
 *
 * @returns a function that removes the callback
 */
export function onAborted(signal: AbortSignal, callback: () => void): () => void {
  const shared = abortListeners.get(signal) ?? listenFor(signal)
  shared.callbacks.add(callback)
  return () => {
    shared.callbacks.delete(callback)
    if (shared.callbacks.size > 0) return
    signal.removeEventListener('abort', shared.listener)
    abortListeners.delete(signal)
  }
}

function listenFor(signal: AbortSignal): AbortListener {
  const callbacks = new Set<() => void>()
  const listener = () => {
    for (const callback of [...callbacks]) callback()
  }
  const shared = { callbacks, listener }
  abortListeners.set(signal, shared)
  signal.addEventListener('abort', listener)
  return shared
}
