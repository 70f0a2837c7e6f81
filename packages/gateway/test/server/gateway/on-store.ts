import type { RequestListener } from 'node:http'
import { onTestFinished } from 'vitest'
import type { GatewayConfig } from '../../../src/policy/config/config.js'
import { parseConfig } from '../../../src/policy/config/load-config.js'
import { type Gateway, startGateway } from '../../../src/server/gateway.js'
import { echo, send, startUpstream, withoutDrain } from './running-gateway.js'

/** A log line. */
interface Line {
  readonly level: 'info' | 'warn' | 'error'
  readonly message: string
  readonly fields: Readonly<Record<string, unknown>>
}

/** A gateway whose log lines are collected, on free ports. It stops after the test. */
export interface GatewayOnStore {
  readonly gateway: Gateway
  readonly url: string
  readonly adminUrl: string
  /** Log lines, except for those about refusals. */
  readonly lines: readonly Line[]
  /** Parses a configuration for the same ports and upstream. */
  configOf(text: string): GatewayConfig
  /** Sends concurrent requests to `POST /predict`, and returns their statuses. */
  predict(count: number, headers?: object): Promise<number[]>
  readiness(): Promise<{ status: number; body: unknown }>
}

/**
 * Starts a gateway in front of a test upstream, and collects its log lines. Both stop after the
 * test.
 *
 * @param text the configuration without `listen`, `admin` and `upstream`
 */
export async function gatewayOn(text: string, upstream: RequestListener = echo): Promise<GatewayOnStore> {
  const upstreamUrl = await startUpstream(upstream)
  const configOf = (rest: string) =>
    withoutDrain(
      parseConfig(`listen: 127.0.0.1:0\nadmin: 127.0.0.1:0\nupstream: ${upstreamUrl}\n${rest}`, 'test.yaml'),
    )
  const lines: Line[] = []
  const logTo = (level: Line['level']) => (fields: object, message: string) => {
    if (!/request refused|more requests refused/.test(message))
      lines.push({ level, message, fields: { ...fields } })
  }
  const gateway = await startGateway(configOf(text), {
    info: logTo('info'),
    warn: logTo('warn'),
    error: logTo('error'),
    upstreamFailed: (failure) => logTo('error')(failure, 'upstream failed'),
    crashed: (error) => logTo('error')({ error }, 'unexpected error'),
  })
  onTestFinished(() => gateway.close())
  const url = `http://127.0.0.1:${gateway.address.port}`
  const adminUrl = `http://127.0.0.1:${gateway.adminAddress?.port}`
  return {
    gateway,
    url,
    adminUrl,
    lines,
    configOf,
    async predict(count, headers = {}) {
      const responses = Array.from({ length: count }, () => send(url, '/predict', { headers }))
      return (await Promise.all(responses)).map(({ status }) => status)
    },
    async readiness() {
      const response = await fetch(`${adminUrl}/readyz`)
      return { status: response.status, body: await response.json() }
    },
  }
}

export function countAllowed(statuses: readonly number[]): number {
  return statuses.filter((status) => status === 200).length
}

/** Returns the lines about the store of the limits. The acts of operators in the same server have their own. */
export function storeLines({ lines }: Pick<GatewayOnStore, 'lines'>): readonly Line[] {
  return lines.filter(({ message }) => !/\bacts\b/.test(message))
}
