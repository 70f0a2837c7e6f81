import { z } from 'zod'
import type { WarmUpConfig } from '../config.js'
import { made, mapOf, type Read, single } from '../yaml/decoders.js'
import { text, wait, wholeNumber } from '../yaml/scalars.js'

/** `warm_up`: limits that grow once the model is ready. */

const url: Read<string> = made(text('http://127.0.0.1:9000/healthz'), (written) => {
  const parsed = URL.canParse(written) ? new URL(written) : undefined
  if (parsed?.protocol !== 'http:' && parsed?.protocol !== 'https:')
    throw new TypeError("'ready' is a URL such as http://127.0.0.1:9000/healthz")
  if (parsed.username !== '' || parsed.password !== '')
    throw new TypeError(
      "the URL of 'ready' has no name and password in it; write for example http://127.0.0.1:9000/healthz",
    )
  return parsed.href
})

const readFields = mapOf(
  {
    ready: url,
    from: single(z.number().gt(0).max(1), 'a part of the limits: more than 0 and at most 1, such as 0.2'),
    over: wait,
    steps: wholeNumber(1, 10_000),
  },
  'a map such as { ready: http://127.0.0.1:9000/healthz, from: 0.2, over: 60s }',
)

export const readWarmUp: Read<WarmUpConfig> = (node, problems) => {
  const before = problems.count
  const values = readFields(node, problems)
  if (values === undefined || problems.count > before) return undefined
  const { ready, from, over, steps } = values
  if (ready === undefined || from === undefined || over === undefined) {
    const [first] = Object.entries({ ready, from, over }).find(([, value]) => value === undefined) ?? []
    problems.at(
      node,
      `'warm_up' wants '${first}', as in { ready: http://127.0.0.1:9000/healthz, from: 0.2, over: 60s }`,
    )
    return undefined
  }
  return { ready, from, over, ...(steps !== undefined && { steps }) }
}
