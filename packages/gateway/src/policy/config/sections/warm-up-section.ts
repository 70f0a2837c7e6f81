import { z } from 'zod'
import type { WarmUpConfig } from '../config.js'
import { type Decoder, mapOf, scalar, transform, withKeysOf } from '../yaml/decoders.js'
import { integer, string, timeout } from '../yaml/scalars.js'

const EXAMPLE_URL = 'http://127.0.0.1:9000/healthz'
const EXAMPLE = `{ ready: ${EXAMPLE_URL}, from: 0.2, over: 60s }`

const readinessUrl: Decoder<string> = transform(string(EXAMPLE_URL), (written) => {
  const parsed = URL.canParse(written) ? new URL(written) : undefined
  if (parsed?.protocol !== 'http:' && parsed?.protocol !== 'https:')
    throw new TypeError(`'ready' must be an HTTP URL such as ${EXAMPLE_URL}`)
  if (parsed.username !== '' || parsed.password !== '')
    throw new TypeError(
      `the URL of 'ready' must not contain a user name or password; write, for example, ${EXAMPLE_URL}`,
    )
  return parsed.href
})

const warmUpMap = mapOf(
  {
    ready: readinessUrl,
    from: scalar(z.number().gt(0).max(1), 'a fraction of the limits, more than 0 and at most 1, such as 0.2'),
    over: timeout,
    steps: integer(1, 10_000),
  },
  `a map such as ${EXAMPLE}`,
)

/** Decodes `warm_up`: how limits grow once the model is ready. */
export const decodeWarmUp: Decoder<WarmUpConfig> = withKeysOf(warmUpMap, (node, problems) => {
  const problemsBefore = problems.count
  const values = warmUpMap(node, problems)
  if (values === undefined || problems.count > problemsBefore) return undefined
  const { ready, from, over, steps } = values
  if (ready === undefined || from === undefined || over === undefined) {
    const [missing] = Object.entries({ ready, from, over }).find(([, value]) => value === undefined) ?? []
    problems.at(node, `'warm_up' requires '${missing}', as in ${EXAMPLE}`)
    return undefined
  }
  return { ready, from, over, ...(steps !== undefined && { steps }) }
})
