import autocannon from 'autocannon'

export interface Load {
  readonly connections?: number
  /** In seconds. */
  readonly duration?: number
  readonly method?: 'GET' | 'POST'
  readonly body?: string
}

/**
 * Requests a second that a server answers.
 *
 * @throws Error where it answered one with something else than 2xx.
 */
export async function loadOn(url: string, load: Load = {}): Promise<number> {
  const { connections = 64, duration = 1, method = 'GET', body } = load
  const result = await autocannon({
    url,
    connections,
    duration,
    method,
    ...(body !== undefined && { body, headers: { 'content-type': 'application/json' } }),
  })
  if (result.non2xx > 0 || result.errors > 0)
    throw new Error(`${result.non2xx} answers were not 2xx, and ${result.errors} requests failed`)
  return result['2xx'] / result.duration
}
