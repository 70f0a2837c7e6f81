import { createHash } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import type { ActionChange, ActList } from '../../../src/server/admin/api/admin-actions.js'
import { sluice } from '../../cli/program.js'
import { echo, send, startUpstream, until } from '../gateway/running-gateway.js'

export const ACT_TOKEN = 'a-token-of-some-length'
export const READ_TOKEN = 'another-token-of-some-length'
const digest = (token: string) => createHash('sha256').update(token).digest('hex')

/** Clients are named by the proxy on this machine, and so are their addresses. */
const IDENTITY = 'identity: { trusted_proxies: [127.0.0.0/8], proxy_headers: { client: X-Client-Id } }\n'

/** A `sluice serve` process with an admin token. */
export interface GatewayProcess {
  readonly url: string
  readonly adminUrl: string
  /** Everything that it has logged. */
  readonly log: () => string
  /** Performs an action, and returns its status and message. */
  act(action: ActionChange, token?: string): Promise<{ status: number; text: string }>
  list(): Promise<ActList>
  /** Sends a request of a client. */
  statusOf(client: string, address?: string): Promise<number>
  /** Kills the process, or stops it as an operator would. */
  stop(signal?: 'SIGKILL' | 'SIGTERM'): Promise<void>
}

/**
 * Creates a function that starts gateways with one configuration file, each with its own ports.
 *
 * @param text the configuration without `listen`, `admin`, `upstream` and `identity`
 * @param identity the line of the configuration with `identity`
 */
export async function fleetOf(
  text: string,
  identity = IDENTITY,
): Promise<{ folder: string; start(): Promise<GatewayProcess> }> {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-acts-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  const upstream = await startUpstream(echo)
  const tokens =
    `{ name: ada, role: act, token_sha256: ${digest(ACT_TOKEN)} }, ` +
    `{ name: eve, role: read, token_sha256: ${digest(READ_TOKEN)} }`
  const file = join(folder, 'gateway.yaml')
  await writeFile(
    file,
    `listen: 127.0.0.1:0\nadmin: { listen: 127.0.0.1:0, tokens: [${tokens}] }\nupstream: ${upstream}\n` +
      `timeouts: { drain: 0 }\n${identity}${text}`,
  )
  return { folder, start: () => startProcess(file, upstream) }
}

async function startProcess(file: string, upstream: string): Promise<GatewayProcess> {
  const { child, output, ended } = sluice('serve', file)
  await until(() => output.out.includes('health') || child.exitCode !== null)
  const addresses = output.out.match(/http:\/\/127\.0\.0\.1:\d+/g) ?? []
  const [url, adminUrl] = addresses.filter((each) => each !== upstream)
  if (url === undefined || adminUrl === undefined) throw new Error(`no gateway: ${output.err}`)
  return {
    ...{ url, adminUrl },
    log: () => output.out + output.err,
    async act(action, token = ACT_TOKEN) {
      const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
      const body = JSON.stringify({ reason: 'a test', ...action })
      const { status, text } = await send(adminUrl, '/api/actions', { headers, body })
      return { status, text }
    },
    async list() {
      return (await (await fetch(`${adminUrl}/api/acts/current`)).json()) as ActList
    },
    async statusOf(client, address = '198.51.100.1') {
      const headers = { 'x-client-id': client, 'x-forwarded-for': address }
      return (await send(url, '/predict', { headers })).status
    },
    async stop(signal = 'SIGTERM') {
      child.kill(signal)
      await ended
    },
  }
}

/** Polls a condition, and fails if it does not hold within a time. */
export async function untilWithin(timeoutMs: number, condition: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + timeoutMs
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`did not hold within ${timeoutMs} ms: ${condition}`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}
