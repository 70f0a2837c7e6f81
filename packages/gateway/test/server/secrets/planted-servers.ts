import type { IncomingMessage } from 'node:http'
import { startUpstream } from '../gateway/running-gateway.js'
import type { Secrets } from './planted-secrets.js'

/** The servers that a gateway sends requests to. They stop after the test. */
export interface PlantedServers {
  readonly model: string
  /** Responds with 500, and with the headers that it received. */
  readonly echo: string
  readonly busy: string
  readonly webhooks: string
  readonly telemetry: string
  /** Serves the public keys that `serveKeys` sets. */
  readonly provider: string
  serveKeys(jwks: object): void
  /** Makes the receivers of webhooks and telemetry fail. */
  fail(isFailing: boolean): void
  /** The bodies that the receivers of webhooks and telemetry got. */
  readonly bodies: readonly string[]
  /** The targets and headers of all requests that any of the servers received. */
  readonly heads: readonly string[]
}

export async function startServers({ completion }: Secrets): Promise<PlantedServers> {
  const bodies: string[] = []
  const heads: string[] = []
  let isFailing = false
  let jwks: object = {}
  const noteHead = ({ url, headers }: IncomingMessage) => void heads.push(`${url} ${JSON.stringify(headers)}`)
  const readBody = async (request: IncomingMessage) => {
    noteHead(request)
    let body = ''
    for await (const chunk of request.setEncoding('utf8')) body += chunk
    return body
  }
  const receiver = () =>
    startUpstream(async (request, response) => {
      bodies.push(await readBody(request))
      response.writeHead(isFailing ? 500 : 200, { 'content-type': 'application/json' }).end('{}')
    })
  const model = startUpstream(async (request, response) => {
    await readBody(request)
    response.setHeader('content-type', 'application/json')
    const message = { role: 'assistant', content: completion }
    const usage = { prompt_tokens: 10, completion_tokens: 5, total_tokens: 15 }
    response.end(JSON.stringify({ model: 'big', choices: [{ index: 0, message }], usage }))
  })
  const echo = startUpstream(async (request, response) => {
    await readBody(request)
    response.writeHead(500).end(JSON.stringify(request.headers))
  })
  const busy = startUpstream(async (request, response) => {
    await readBody(request)
    response.writeHead(429, { 'retry-after': '30' }).end()
  })
  const provider = startUpstream((request, response) => {
    noteHead(request)
    const issuer = `http://${request.headers.host}`
    const isDescription = request.url?.startsWith('/.well-known') === true
    response.end(JSON.stringify(isDescription ? { issuer, jwks_uri: `${issuer}/keys` } : jwks))
  })
  return {
    ...{ model: await model, echo: await echo, busy: await busy, provider: await provider },
    ...{ webhooks: await receiver(), telemetry: await receiver(), bodies, heads },
    serveKeys(keys) {
      jwks = keys
    },
    fail(failing) {
      isFailing = failing
    },
  }
}
