import autocannon from 'autocannon'

const JSON_TYPE = { 'content-type': 'application/json' }

export interface Load {
  readonly connections?: number
  /** Duration in seconds. */
  readonly duration?: number
  readonly method?: 'GET' | 'POST'
  readonly body?: string
  /** API keys that the requests use in turn. */
  readonly keys?: readonly string[]
}

/**
 * Puts a server under load and returns its rate of responses per second.
 *
 * @throws Error if a response is not 2xx or a request fails
 */
export async function loadOn(url: string, load: Load = {}): Promise<number> {
  const result = await run(url, load)
  return result['2xx'] / result.duration
}

/**
 * Puts a server under load and returns the number of responses.
 *
 * @throws Error if a response is not 2xx or a request fails
 */
export async function responsesTo(url: string, load: Load = {}): Promise<number> {
  return (await run(url, load))['2xx']
}

async function run(url: string, load: Load): Promise<autocannon.Result> {
  const { connections = 64, duration = 1, method = 'GET', body, keys } = load
  const result = await autocannon({
    url,
    connections,
    duration,
    method,
    ...(body !== undefined && { body, headers: JSON_TYPE }),
    ...(keys !== undefined && {
      requests: keys.map((key) => ({ headers: { ...JSON_TYPE, authorization: `Bearer ${key}` } })),
    }),
  })
  if (result.non2xx > 0 || result.errors > 0)
    throw new Error(`${result.non2xx} responses were not 2xx and ${result.errors} requests failed`)
  return result
}
