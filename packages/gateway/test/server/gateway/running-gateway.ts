import { once } from 'node:events'
import {
  createServer,
  request as httpRequest,
  type IncomingMessage,
  type RequestListener,
  type ServerResponse,
} from 'node:http'
import type { AddressInfo } from 'node:net'
import { onTestFinished } from 'vitest'
import type { GatewayConfig } from '../../../src/policy/config/config.js'
import { parseConfig } from '../../../src/policy/config/load-config.js'
import type { VariableSource } from '../../../src/policy/config/yaml/variables.js'
import { type Gateway, startGateway } from '../../../src/server/gateway.js'
import type { Log } from '../../../src/server/logging/log.js'

/** A gateway with a test upstream, both on free ports. Both stop after the test. */
export interface TestGateway {
  readonly gateway: Gateway
  readonly url: string
  readonly adminUrl: string
  /** Everything that the gateway logged as an error: upstream failures, crashes and errors. */
  readonly failures: unknown[]
  /** Everything that the gateway logged as a warning. */
  readonly warnings: readonly LoggedWarning[]
  /** Parses a configuration for the same ports and upstream. */
  configOf(text: string): GatewayConfig
}

interface LoggedWarning {
  readonly fields: Readonly<Record<string, unknown>>
  readonly message: string
}

/**
 * Starts a gateway in front of a test upstream. Both stop after the test.
 *
 * @param text the configuration without `listen`, `admin` and `upstream`
 * @param upstream a listener, or the URL of a running server
 * @param admin the value of `admin`
 * @param listen the value of `listen`
 * @param source the values of variables, and the price list; default: the environment
 */
export async function startTestGateway(
  text: string,
  upstream: RequestListener | string = echo,
  admin = '127.0.0.1:0',
  listen = '127.0.0.1:0',
  source?: VariableSource,
): Promise<TestGateway> {
  const upstreamUrl = typeof upstream === 'string' ? upstream : await startUpstream(upstream)
  const configOf = (rest: string) =>
    withoutDrain(
      parseConfig(
        `listen: ${listen}\nadmin: ${admin}\nupstream: ${upstreamUrl}\n${rest}`,
        'test.yaml',
        source,
      ),
    )
  const failures: unknown[] = []
  const warnings: LoggedWarning[] = []
  const gateway = await startGateway(configOf(text), logInto(failures, warnings))
  onTestFinished(() => gateway.close())
  return {
    gateway,
    url: `http://127.0.0.1:${gateway.address.port}`,
    adminUrl: `http://127.0.0.1:${gateway.adminAddress?.port}`,
    failures,
    warnings,
    configOf,
  }
}

/** Returns the configuration without `timeouts.drain`, unless its file sets it. */
export function withoutDrain(config: GatewayConfig): GatewayConfig {
  if (config.source.text.includes('drain:')) return config
  return { ...config, timeouts: { ...config.timeouts, drain: 0 } }
}

/** Starts an upstream that is closed after the test, and returns its URL. */
export async function startUpstream(listener: RequestListener): Promise<string> {
  const server = createServer(listener).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

/** Responds with the method, URL, headers and body of the request as JSON. */
export async function echo(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk)
  response.setHeader('content-type', 'application/json')
  const { method, url, headers } = request
  response.end(JSON.stringify({ method, url, headers, body: Buffer.concat(chunks).toString() }))
}

function logInto(failures: unknown[], warnings: LoggedWarning[]): Log {
  return {
    upstreamFailed: (failure) => failures.push(failure),
    crashed: (error) => failures.push(error),
    info: () => {},
    warn: (fields, message) => warnings.push({ fields: fields as LoggedWarning['fields'], message }),
    error: (fields) => failures.push(fields),
  }
}

/**
 * Sends a request and reads the response. The target is sent verbatim, while `fetch` would
 * normalize it. The default content type of a body is JSON.
 */
export async function send(
  url: string,
  target: string,
  { method = 'POST', headers = {}, body = '' }: { method?: string; headers?: object; body?: string } = {},
): Promise<{ status: number; headers: IncomingMessage['headers']; text: string }> {
  const { hostname, port } = new URL(url)
  const all = { ...(body !== '' && { 'content-type': 'application/json' }), ...headers }
  const request = httpRequest({ hostname, port, method, path: target, headers: all, agent: false })
  request.end(body)
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  let text = ''
  for await (const chunk of response.setEncoding('utf8')) text += chunk
  return { status: response.statusCode ?? 0, headers: response.headers, text }
}

/** Polls a condition until it is true. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 5))
}
