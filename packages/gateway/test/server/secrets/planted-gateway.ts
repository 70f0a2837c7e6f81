import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { keyDigest } from 'sluice/identity'
import { sluiceWith } from '../../cli/program.js'
import { until } from '../gateway/running-gateway.js'
import { rawUpstream, unusedAddress } from '../proxy/upstream-under-test.js'
import { createAuthority, issue, temporaryFolder } from '../tls/certificates.js'
import {
  createSecrets,
  createTokens,
  digestOf,
  type Secrets,
  signatureOf,
  type Tokens,
} from './planted-secrets.js'
import { type PlantedServers, startServers } from './planted-servers.js'

/** A file of a configuration with a secret wherever one can be. */
export interface PlantedGateway {
  readonly folder: string
  readonly file: string
  readonly text: string
  readonly secrets: Secrets
  readonly tokens: Tokens
  readonly servers: PlantedServers
  /** The environment of the gateway and of commands. */
  readonly env: Readonly<Record<string, string>>
  /** The secrets that the gateway sends to their servers. */
  readonly sentByGateway: readonly (keyof Secrets)[]
  /** The values to search for, by name. */
  readonly searched: Readonly<Record<string, string>>
}

const PRICES = `
currency: USD
as_of: 2026-11-01
models: { big: { input: 1000, output: 10000 } }
`

/** A module that the gateway's processes load first: an uncaught error on a signal. */
const CRASH_HOOK = `process.on('SIGUSR2', () => { throw new Error('a provoked crash') })`

/** Where a gateway keeps its state. */
export interface PlantedState {
  readonly workers: number
  /** The port of a Redis server; undefined to keep everything in memory and files. */
  readonly redisPort: number | undefined
}

/** Writes the files of a configuration, and starts the servers that it names. */
export async function plantSecrets({ workers, redisPort }: PlantedState): Promise<PlantedGateway> {
  const folder = await temporaryFolder()
  const secrets = createSecrets()
  const servers = await startServers(secrets)
  const tokens = await createTokens(servers.provider)
  servers.serveKeys(tokens.jwks)
  const { cert, key } = await issue(await createAuthority('test'), 'gateway')
  const write = (name: string, text: string) => writeFile(join(folder, name), text)
  await write('upstream-key', `${secrets.upstreamFile}\n`)
  await write('webhook-secret', secrets.webhookSecret)
  await write('client.crt', cert)
  await write('client.key', key)
  await write('prices.yaml', PRICES)
  await write('crash.mjs', CRASH_HOOK)
  const known = [secrets.key, secrets.oldKey].map((each, index) => ({
    ...{ sha256: keyDigest(each), client: `client-${index}`, labels: { team: 'red' } },
  }))
  await write('keys.yaml', JSON.stringify({ keys: known }))
  const text = await configOf(secrets, servers, { workers, redisPort })
  const file = join(folder, 'gateway.yaml')
  await writeFile(file, text)
  const password = encodeURIComponent(secrets.redisPassword)
  return {
    ...{ folder, file, text, secrets, tokens, servers },
    env: {
      UPSTREAM_KEY: secrets.upstreamEnv,
      UPSTREAM_PATH: secrets.upstreamPath,
      HEALTH_PATH: `/health?key=${secrets.healthPath}`,
      READY_URL: `${servers.model}/ready?key=${secrets.readinessQuery}`,
      JWKS_URL: `${servers.provider}/keys?key=${secrets.jwksQuery}`,
      WEBHOOK_URL: `${servers.webhooks}/hook?token=${secrets.webhookQuery}`,
      REDIS_URL: `redis://gateway:${password}@127.0.0.1:${redisPort}/0`,
      OTEL_EXPORTER_OTLP_HEADERS: `authorization=Bearer ${secrets.otlpHeader}`,
      OTEL_BSP_SCHEDULE_DELAY: '50',
      OTEL_METRIC_EXPORT_INTERVAL: '200',
      SLUICE_TOKEN: secrets.actToken,
    },
    sentByGateway: [
      ...(['upstreamEnv', 'upstreamFile', 'upstreamLiteral', 'variableDefault', 'upstreamPath'] as const),
      ...(['healthPath', 'readinessQuery', 'jwksQuery', 'webhookQuery', 'otlpHeader'] as const),
    ],
    searched: {
      ...secrets,
      clientToken: signatureOf(tokens.client),
      expiredToken: signatureOf(tokens.expired),
      forgedToken: signatureOf(tokens.forged),
      operatorToken: signatureOf(tokens.operator),
      // The private number in the DER of an EC key.
      tlsKey: key.split('\n').slice(1).join('').slice(48, 90),
    },
  }
}

async function configOf(
  { actToken, readToken, upstreamLiteral, variableDefault }: Secrets,
  { model, echo, busy, telemetry, provider }: PlantedServers,
  { workers, redisPort }: PlantedState,
): Promise<string> {
  const nonsense = await rawUpstream((socket) => socket.end('HTTP/1.1 nonsense\r\n\r\n'))
  const headers =
    `{ authorization: 'Bearer $\{env:UPSTREAM_KEY}', x-file: '$\{file:upstream-key}', ` +
    `x-literal: ${upstreamLiteral}, x-default: '\${env:NO_KEY:-${variableDefault}}' }`
  const named = (url: string) =>
    `{ url: "${url}/$\{env:UPSTREAM_PATH}", headers: ${headers}, health: { path: "$\{env:HEALTH_PATH}", every: 1s } }`
  return `
listen: 127.0.0.1:0
admin:
  listen: 127.0.0.1:0
  audit: audit.jsonl
  tokens:
    - { name: ada, role: act, token_sha256: ${digestOf(actToken)} }
    - { name: eve, role: read, token_sha256: ${digestOf(readToken)} }
  oidc: { issuer: "${provider}", audience: sluice, roles_claim: groups, act: [ops] }
probes: 127.0.0.1:0
upstream: ${model}
workers: ${workers}
${redisPort === undefined ? 'state: state.json' : `store: "$\{env:REDIS_URL}"`}
prices: prices.yaml
usage: /usage
record: record.jsonl
access_log: { file: access.jsonl }
timeouts: { drain: 0, connect: 1s }
telemetry: { otlp: { endpoint: "${telemetry}", protocol: http/json } }
webhooks: [{ url: "$\{env:WEBHOOK_URL}", secret: "$\{file:webhook-secret}", timeout: 1s }]
identity:
  api_keys: ${redisPort === undefined ? 'keys.yaml' : 'store'}
  jwt: { jwks: "$\{env:JWKS_URL}", audience: models }
  trusted_proxies: [127.0.0.0/8]
  proxy_headers: { client: X-Client-Id }
upstreams:
  model: ${named(model)}
  echo: ${named(echo)}
  busy: ${named(busy)}
  dead: ${named(await unusedAddress())}
  nonsense: ${named(nonsense.url)}
  tls:
    url: ${model.replace('http:', 'https:')}
    headers: ${headers}
    tls: { cert: client.crt, key: client.key }
routes:
  - match: POST /v1/chat/completions
    llm: openai
    upstream: model
    warm_up: { ready: "$\{env:READY_URL}", from: 0.5, over: 1s }
    limits: [{ limit: 20 USD/day, of: money }, { limit: 100k/minute, of: tokens }]
  - match: /session
    limits: [{ name: session, limit: 2/day, algorithm: fixed-window, by: "header:x-session", warn: ['50%', '100%'] }]
  - match: /cookie
    limits: [{ name: cookie, limit: 2/day, algorithm: fixed-window, by: "cookie:session", warn: '50%' }]
  - match: /limited
    limits: [{ name: limited, limit: 2/day, algorithm: fixed-window, warn: '50%' }]
  - { match: /echo, upstream: echo }
  - { match: /busy, upstream: busy }
  - { match: /dead, upstream: dead }
  - { match: /nonsense, upstream: nonsense }
  - { match: /tls, upstream: tls }
  - { match: /chosen, upstream: "headers['x-to']" }
default: { limits: [1000/minute] }
`
}

/** Returns the configuration with routes that leak secrets on purpose. */
export function leakingConfig(text: string): string {
  return text.replace(
    'routes:',
    `routes:
  - { match: /leak, require: 'false', refuse_with: { detail: "no $\{env:UPSTREAM_KEY}" } }
  - { match: /leaking-rule, limits: [{ name: "$\{file:webhook-secret}", limit: 1/day }] }`,
  )
}

/** A running gateway with planted secrets. */
export interface RunningGateway {
  readonly url: string
  readonly adminUrl: string
  readonly probesUrl: string
  readonly pid: number
  /** Everything that it has printed. */
  output(): string
  /** Sends a signal and waits until the process has ended. */
  end(signal: NodeJS.Signals): Promise<void>
}

/** Starts the gateway of a file. */
export async function startPlanted(
  { file, folder, env }: PlantedGateway,
  more: Readonly<Record<string, string>> = {},
): Promise<RunningGateway> {
  const NODE_OPTIONS = `--import=file://${folder}/crash.mjs`
  const { child, output, ended } = sluiceWith({ ...env, NODE_OPTIONS, ...more }, 'serve', file)
  await until(() => output.out.includes('probes:') || child.exitCode !== null)
  const address = (line: RegExp) => line.exec(output.out)?.[1]
  const url = address(/listens on (\S+)/)
  const adminUrl = address(/dashboard: (\S+)/)
  const probesUrl = address(/probes: (\S+)/)
  if (url === undefined || adminUrl === undefined || probesUrl === undefined)
    throw new Error(`no gateway: ${output.out}${output.err}`)
  return {
    ...{ url, adminUrl, probesUrl, pid: child.pid as number },
    output: () => output.out + output.err,
    async end(signal) {
      child.kill(signal)
      await ended
    },
  }
}
