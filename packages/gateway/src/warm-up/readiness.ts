import { request } from 'undici'

/** How long a model may take to say whether it is ready, in milliseconds. */
const PATIENCE_MS = 2000

/** Whether a URL answers 2xx. Never rejects: what does not answer is not ready. */
export async function isReady(url: string, stopped: AbortSignal): Promise<boolean> {
  try {
    const signal = AbortSignal.any([stopped, AbortSignal.timeout(PATIENCE_MS)])
    const { statusCode, body } = await request(url, { signal })
    await body.dump({ limit: 65_536, signal })
    return statusCode >= 200 && statusCode < 300
  } catch {
    return false
  }
}
