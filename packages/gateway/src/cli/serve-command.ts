import type { AddressInfo } from 'node:net'
import type { AdminConfig, GatewayConfig } from '../policy/config/config.js'
import { loadConfig } from '../policy/config/load-config.js'
import { openToOthers } from '../policy/config/sections/admin-section.js'
import { parseEndpoint } from '../policy/config/yaml/endpoint.js'
import { startGateway } from '../server/gateway.js'
import { createProcessLog } from '../server/logging/log.js'
import { logFatalErrors, logStrayOutput } from '../server/logging/stray-output.js'
import { logWarnings } from './config-warnings.js'
import { watchConfig } from './reload.js'
import { stopSignal } from './stop-signal.js'

/** What the command line says in place of the file. */
export interface ServeOptions {
  readonly listen?: string
  readonly admin?: string
  readonly upstream?: string
}

/** How long the last lines of the log may take, in milliseconds. */
const LAST_LINES_MS = 1000

/**
 * Runs a gateway until SIGTERM or SIGINT; a second one does not wait for what is in flight. SIGHUP takes the file up again.
 *
 * @throws ConfigError for a file that is wrong, Error for a port that cannot be had.
 */
export async function serveCommand(file: string, options: ServeOptions): Promise<void> {
  const override = overrideOf(options)
  const config = override(await loadConfig(file))
  // What nobody reads must not end a gateway: a closed pipe, a full disk.
  for (const stream of [process.stdout, process.stderr])
    stream.removeAllListeners('error').on('error', () => {})
  const log = createProcessLog()
  const write = process.stdout.write.bind(process.stdout)
  const print = (line: string) => void write(`${line}\n`)
  const printAgain = logStrayOutput(log)
  logWarnings(config, log)
  const gateway = await startGateway(config, log).catch((error: unknown) => {
    printAgain()
    throw error
  })
  logFatalErrors(log)
  const reloader = watchConfig({ file, config, gateway, log, override })
  process.on('SIGHUP', () => void reloader.reloadNow())
  print(`sluice listens on ${urlOf(gateway.address)} and forwards to ${config.upstream}`)
  if (gateway.adminAddress !== undefined) {
    const admin = urlOf(gateway.adminAddress)
    print(`the dashboard is ${admin}, health is /healthz and /readyz there, and metrics are /metrics`)
  }

  const signal = await stopSignal()
  log.info({ signal }, 'stopping: finishing what is in flight')
  reloader.stop()
  await gateway.close()
  log.info({}, 'stopped')
  if (await log.flush(LAST_LINES_MS)) return
  // A thread that writes to a disk that hangs keeps the process from ending by itself.
  process.exit(0)
}

function overrideOf({ listen, admin, upstream }: ServeOptions): (config: GatewayConfig) => GatewayConfig {
  const overrides = {
    ...(listen !== undefined && { listen: parseEndpoint(listen) }),
    ...(upstream !== undefined && { upstream }),
  }
  return (config) => ({
    ...config,
    ...overrides,
    ...(admin !== undefined && { admin: admin === 'off' ? undefined : adminAt(admin, config.admin) }),
  })
}

/** @throws Error where others would reach it and there is no token. */
function adminAt(address: string, configured: AdminConfig | undefined): AdminConfig {
  const admin = { ...configured, ...parseEndpoint(address) }
  const open = openToOthers(admin)
  if (open !== undefined) throw new Error(open)
  return admin
}

function urlOf({ address, port, family }: AddressInfo): string {
  return `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`
}
