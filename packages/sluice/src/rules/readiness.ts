import type { MaybePromise } from '../maybe-promise.js'
import { OptionTypeError } from '../option-error.js'

/**
 * What is asked whether a model is ready: a URL, which answers 2xx where it is, or a function. What answers otherwise or fails is
 * not ready. What takes longer than two seconds says nothing; the signal ends a question that nobody waits for any more.
 */
export type Readiness = string | URL | ((signal: AbortSignal) => MaybePromise<boolean>)

/** `late`: no answer came in time. A model whose process is busy with a request is not a model that was loaded anew. */
export type ReadinessAnswer = 'ready' | 'unready' | 'late'

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
export function watchReadiness(readiness: Readiness, told: (answer: ReadinessAnswer) => void): () => void {
  const question = typeof readiness === 'function' ? readiness : questionAt(readiness)
  let stopped = false
  let asking: AbortController
  let timer: NodeJS.Timeout
  const ask = async () => {
    asking = new AbortController()
    timer = setTimeout(() => asking.abort(), PATIENCE).unref()
    const answer = await answerTo(question, asking.signal)
    clearTimeout(timer)
    if (stopped) return
    told(answer)
    timer = setTimeout(ask, INTERVAL).unref()
  }
  void ask()
  return () => {
    stopped = true
    asking.abort()
    clearTimeout(timer)
  }
}

async function answerTo(
  question: Exclude<Readiness, string | URL>,
  ended: AbortSignal,
): Promise<ReadinessAnswer> {
  const late = new Promise<'late'>((resolve) => ended.addEventListener('abort', () => resolve('late')))
  try {
    const answer = await Promise.race([question(ended), late])
    if (answer === 'late') return answer
    // What is not a clear yes is a no.
    return answer === true ? 'ready' : 'unready'
  } catch {
    return ended.aborted ? 'late' : 'unready'
  }
}

function questionAt(address: string | URL): (signal: AbortSignal) => Promise<boolean> {
  const url = URL.canParse(String(address)) ? new URL(address) : undefined
  if (url?.protocol !== 'http:' && url?.protocol !== 'https:')
    throw new OptionTypeError(['ready'], "'ready' is a URL such as http://127.0.0.1:9000/healthz")
  if (url.username !== '' || url.password !== '')
    throw new OptionTypeError(['ready'], "the URL of 'ready' has no name and password in it")
  return async (signal) => {
    const { ok, body } = await fetch(url, { signal, redirect: 'manual' })
    await body?.cancel()
    return ok
  }
}
