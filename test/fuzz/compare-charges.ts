import { once } from 'node:events'
import { Agent, request as httpRequest, type IncomingMessage } from 'node:http'
import fc from 'fast-check'
import { expect, onTestFinished } from 'vitest'
import { parseConfig } from '../../packages/gateway/src/policy/config/load-config.js'
import { startGateway } from '../../packages/gateway/src/server/gateway.js'
import { type AmbiguousRequest, ambiguousRequest } from './ambiguous-requests.js'
import type { FuzzPlan } from './plan.js'

/** Rows of a request that does not state a number. */
export const DEFAULT_ROWS = 50

const CAPACITY = 1e9

/** Every request has its own key, so the remaining quota shows the charge. */
const LIMITS = `
routes:
  - match: POST /*
    limits:
      - limit: 1G/hour
        by: headers['x-request']
        algorithm: fixed-window
        cost: >-
          ('data' in body ? size(body.data) : ${DEFAULT_ROWS})
          + ('n' in query ? int(query.n) : ${DEFAULT_ROWS})
          + ('x-rows' in headers ? int(headers['x-rows']) : ${DEFAULT_ROWS})`

export interface ChargeCounts {
  /** Requests that the upstream processed, for at most the charged rows. */
  ran: number
  /** Requests that the gateway admitted and the upstream rejected. */
  failed: number
  /** Requests that the gateway rejected. */
  refused: number
}

interface Difference {
  readonly charged: number
  readonly run: number
  readonly request: { readonly query: string; readonly headers: unknown; readonly body: string }
}

/**
 * Sends ambiguous requests through a gateway and compares each charge with the rows that the
 * upstream processed.
 *
 * @param upstream the URL of a server that responds with `{"run": <rows>}`
 * @param path the path that responds in this form
 */
export async function compareCharges(upstream: string, path: string, plan: FuzzPlan): Promise<ChargeCounts> {
  const head = `listen: 127.0.0.1:0\nadmin: off\nupstream: ${upstream}\ntimeouts: { drain: 0 }\n`
  const config = parseConfig(`${head}${LIMITS}`, 'fuzz.yaml')
  const log = { upstreamFailed: () => {}, crashed: () => {}, info: () => {}, warn: () => {}, error: () => {} }
  const gateway = await startGateway(config, log)
  const agent = new Agent({ keepAlive: true, maxSockets: 32 })
  onTestFinished(async () => {
    agent.destroy()
    await gateway.close()
  })
  const requests = fc.sample(ambiguousRequest, { seed: plan.seed, numRuns: plan.runs })
  const counts: ChargeCounts = { ran: 0, failed: 0, refused: 0 }
  const differences: Difference[] = []
  let next = 0
  const work = async () => {
    while (next < requests.length && !plan.isOver()) {
      const index = next++
      const request = requests[index] as AmbiguousRequest
      const { status, ratelimit, text } = await send(gateway.address.port, path, agent, `${index}`, request)
      if (ratelimit === undefined) counts.refused++
      else if (status !== 200) counts.failed++
      else {
        counts.ran++
        const charged = CAPACITY - Number(/;r=(\d+)/.exec(ratelimit)?.[1])
        const { run } = JSON.parse(text)
        const { query, headers, body } = request
        if (!(charged >= run))
          differences.push({ charged, run, request: { query, headers, body: body.toString('latin1') } })
      }
    }
  }
  await Promise.all(Array.from({ length: 32 }, work))
  expect(differences.slice(0, 3)).toEqual([])
  expect(counts.ran).toBeGreaterThan(0)
  expect(counts.refused).toBeGreaterThan(0)
  return counts
}

async function send(
  port: number,
  path: string,
  agent: Agent,
  id: string,
  { query, headers, body }: AmbiguousRequest,
) {
  const own = [
    ...['Host', 'localhost', 'X-Request', id, 'Content-Length', String(body.length)],
    ...(headers.some(([name]) => name === 'Connection') ? [] : ['Connection', 'keep-alive']),
  ]
  const request = httpRequest({
    ...{ host: '127.0.0.1', port, agent, method: 'POST', path: query === '' ? path : `${path}?${query}` },
    headers: [...own, ...headers.flat()],
  })
  request.end(body)
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  let text = ''
  for await (const chunk of response.setEncoding('utf8')) text += chunk
  return { status: response.statusCode, ratelimit: response.headers.ratelimit?.toString(), text }
}
