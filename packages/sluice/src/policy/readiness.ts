import type { MaybePromise } from '../maybe-promise.js'

/**
 * What is asked whether a model is ready: a URL, which answers 2xx where it is, or a function. What answers otherwise, fails, or takes
 * longer than two seconds is not ready; the signal ends a question that nobody waits for any more.
 */
export type Readiness = string | URL | ((signal: AbortSignal) => MaybePromise<boolean>)

/** How long after an answer is asked again, in milliseconds. */
const INTERVAL = 1_000
/** How long an answer may take, in milliseconds. */
const PATIENCE = 2_000

/**
 * Asks again and again, one question at a time, and tells each answer. It keeps no process running.
 *
 * @returns what ends it
 * @throws TypeError for what is neither a function nor a URL that can be asked.
 */
export function watchReadiness(readiness: Readiness, told: (isReady: boolean) => void): () => void {
  const question = typeof readiness === 'function' ? readiness : questionAt(readiness)
  let stopped = false
  let asking: AbortController
  let timer: NodeJS.Timeout
  const ask = async () => {
    asking = new AbortController()
    timer = setTimeout(() => asking.abort(), PATIENCE).unref()
    const isReady = await answerTo(question, asking.signal)
    clearTimeout(timer)
    if (stopped) return
    told(isReady)
    timer = setTimeout(ask, INTERVAL).unref()
  }
  void ask()
  return () => {
    stopped = true
    asking.abort()
    clearTimeout(timer)
  }
}

async function answerTo(question: Exclude<Readiness, string | URL>, ended: AbortSignal): Promise<boolean> {
  const late = new Promise<false>((resolve) => ended.addEventListener('abort', () => resolve(false)))
  try {
    // What is not a clear yes is a no.
    return (await Promise.race([question(ended), late])) === true
  } catch {
    return false
  }
}

function questionAt(address: string | URL): (signal: AbortSignal) => Promise<boolean> {
  const url = URL.canParse(String(address)) ? new URL(address) : undefined
  if (url?.protocol !== 'http:' && url?.protocol !== 'https:')
    throw new TypeError("'ready' is a URL such as http://127.0.0.1:9000/healthz")
  if (url.username !== '' || url.password !== '')
    throw new TypeError("the URL of 'ready' has no name and password in it")
  return async (signal) => {
    const { ok, body } = await fetch(url, { signal, redirect: 'manual' })
    await body?.cancel()
    return ok
  }
}
