import type { AddressInfo } from 'node:net'
import type { AdminConfig, GatewayConfig, ServerTls } from '../policy/config/config.js'
import { loadConfig } from '../policy/config/load-config.js'
import { unprotectedAdminError } from '../policy/config/sections/admin-section.js'
import { parseEndpoint } from '../policy/config/yaml/endpoint.js'
import { startGateway } from '../server/gateway.js'
import { exitProcess } from '../server/logging/exit-process.js'
import { createProcessLog } from '../server/logging/log.js'
import { logFatalErrors, logStrayOutput } from '../server/logging/stray-output.js'
import { ConfigWatch, logWarnings } from './reload.js'
import { stopSignal } from './stop-signal.js'

/** Command-line options that override the configuration file. */
export interface ServeOptions {
  readonly listen?: string
  readonly admin?: string
  readonly upstream?: string
}

/** Maximum time to write the last log lines. */
const LOG_FLUSH_TIMEOUT_MS = 1000

/**
 * Runs a gateway until SIGTERM or SIGINT; SIGINT skips `timeouts.drain`. A second signal stops the
 * gateway without waiting for requests in flight. SIGHUP reloads the configuration.
 *
 * @throws ConfigError if the file is invalid; Error if the gateway cannot listen
 */
export async function serveCommand(file: string, options: ServeOptions): Promise<void> {
  const override = overrideOf(options)
  const config = override(await loadConfig(file))
  // A closed pipe or a full disk must not stop the gateway.
  for (const stream of [process.stdout, process.stderr])
    stream.removeAllListeners('error').on('error', () => {})
  const log = createProcessLog()
  const write = process.stdout.write.bind(process.stdout)
  const print = (line: string) => void write(`${line}\n`)
  const restoreOutput = logStrayOutput(log)
  logWarnings(config, log)
  const gateway = await startGateway(config, log).catch((error: unknown) => {
    restoreOutput()
    throw error
  })
  logFatalErrors(log)
  const reloader = new ConfigWatch({ file, config, gateway, log, override })
  process.on('SIGHUP', () => void reloader.reloadNow())
  // Signals are handled before the addresses are printed, because a supervisor that reads the
  // addresses may send a signal immediately.
  const stopped = stopSignal()
  print(`sluice listens on ${urlOf(gateway.address, config.listen.tls)} and forwards to ${config.upstream}`)
  if (gateway.adminAddress !== undefined) {
    const admin = urlOf(gateway.adminAddress, config.admin?.tls)
    print(`dashboard: ${admin} (health: /healthz and /readyz; metrics: /metrics)`)
  }
  if (gateway.probesAddress !== undefined)
    print(`probes: ${urlOf(gateway.probesAddress)} (/healthz, /readyz and /metrics)`)

  const signal = await stopped
  log.info({ signal }, 'stopping')
  reloader.stop()
  // SIGINT comes from a terminal, where no load balancer sends requests.
  await gateway.close({ drain: signal !== 'SIGINT' })
  log.info({}, 'stopped')
  await log.flush(LOG_FLUSH_TIMEOUT_MS)
  // A file that hangs, or an export that is retried, would keep the process alive.
  await exitProcess(0)
}

function overrideOf({ listen, admin, upstream }: ServeOptions): (config: GatewayConfig) => GatewayConfig {
  return (config) => ({
    ...config,
    ...(listen !== undefined && { listen: { ...config.listen, ...parseEndpoint(listen) } }),
    ...(upstream !== undefined && { upstream }),
    ...(admin !== undefined && { admin: admin === 'off' ? undefined : adminAt(admin, config.admin) }),
  })
}

/**
 * Returns the admin configuration with the address from the command line.
 *
 * @throws Error if the address is reachable from other hosts and no token is configured
 */
function adminAt(address: string, configured: AdminConfig | undefined): AdminConfig {
  const admin = { ...configured, ...parseEndpoint(address) }
  const problem = unprotectedAdminError(admin)
  if (problem !== undefined) throw new Error(problem)
  return admin
}

function urlOf({ address, port, family }: AddressInfo, tls?: ServerTls): string {
  return `${tls === undefined ? 'http' : 'https'}://${family === 'IPv6' ? `[${address}]` : address}:${port}`
}
