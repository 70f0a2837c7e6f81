import type { MaybePromise } from '../maybe-promise.js'
import { OptionTypeError } from '../option-error.js'

/**
 * A readiness probe for a model: a URL that returns 2xx when the model is ready, or a function. Any
 * other result or an error means that the model is not ready. A probe that takes longer than two
 * seconds is aborted through the signal and ignored.
 */
export type Readiness = string | URL | ((signal: AbortSignal) => MaybePromise<boolean>)

/** `late`: the probe timed out. A busy model is slow to respond but has not been reloaded. */
export type ProbeResult = 'ready' | 'unready' | 'late'

/** Milliseconds between two probes. */
const INTERVAL_MS = 1_000
/** The timeout of a probe, in milliseconds. */
const TIMEOUT_MS = 2_000

/**
 * Probes repeatedly, one probe at a time, and reports each result. Its timers do not keep the
 * process alive.
 *
 * @returns a function that stops probing
 * @throws TypeError unless `readiness` is a function or an HTTP URL.
 */
export function watchReadiness(readiness: Readiness, onResult: (result: ProbeResult) => void): () => void {
  const probe = typeof readiness === 'function' ? readiness : urlProbe(readiness)
  let isStopped = false
  let controller: AbortController
  let timer: NodeJS.Timeout
  const run = async () => {
    controller = new AbortController()
    timer = setTimeout(() => controller.abort(), TIMEOUT_MS).unref()
    const result = await resultOf(probe, controller.signal)
    clearTimeout(timer)
    if (isStopped) return
    onResult(result)
    timer = setTimeout(run, INTERVAL_MS).unref()
  }
  void run()
  return () => {
    isStopped = true
    controller.abort()
    clearTimeout(timer)
  }
}

async function resultOf(probe: Exclude<Readiness, string | URL>, signal: AbortSignal): Promise<ProbeResult> {
  const late = new Promise<'late'>((resolve) => signal.addEventListener('abort', () => resolve('late')))
  try {
    const result = await Promise.race([probe(signal), late])
    if (result === 'late') return result
    return result === true ? 'ready' : 'unready'
  } catch {
    return signal.aborted ? 'late' : 'unready'
  }
}

function urlProbe(address: string | URL): (signal: AbortSignal) => Promise<boolean> {
  const url = URL.canParse(String(address)) ? new URL(address) : undefined
  if (url?.protocol !== 'http:' && url?.protocol !== 'https:')
    throw new OptionTypeError(['ready'], "'ready' must be a URL such as http://127.0.0.1:9000/healthz")
  if (url.username !== '' || url.password !== '')
    throw new OptionTypeError(['ready'], "the URL of 'ready' must not contain a user name or password")
  return async (signal) => {
    const { ok, body } = await fetch(url, { signal, redirect: 'manual' })
    await body?.cancel()
    return ok
  }
}
