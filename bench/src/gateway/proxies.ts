import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { keyDigest, newKey } from 'sluice/identity'
import { type ServerProcess, startServer } from '../harness/server-process.js'

/** Starts a proxy on one port in front of an upstream on another, with its files in the folder. */
export type StartProxy = (port: number, upstream: number, folder: string) => Promise<ServerProcess>

export const SLUICE = fileURLToPath(new URL('../../../packages/gateway/bin/sluice.js', import.meta.url))

/** Gateway settings that replace the defaults of the benchmark. */
interface Settings {
  readonly admin?: string
  readonly log?: string
  readonly limits?: string
}

/** Returns a function that starts the gateway with limits above the load. */
export function sluiceWith({
  admin = '127.0.0.1:0',
  log = '{}',
  limits = '[1000000/second]',
}: Settings): StartProxy {
  return (port, upstream, folder) => {
    const file = join(folder, 'gateway.yaml')
    writeFileSync(
      file,
      `listen: 127.0.0.1:${port}
admin: ${admin}
upstream: http://127.0.0.1:${upstream}
log: ${log}
routes: [{ match: POST /predict, limits: ${limits} }]
`,
    )
    return startServer(process.execPath, [SLUICE, 'serve', file], port)
  }
}

export const sluice = sluiceWith({})

/** The API keys of a thousand clients. */
export const KEYS: readonly string[] = Array.from({ length: 1000 }, () => newKey())

/**
 * Starts the gateway with a keys file, two tiers, three rules, metrics and the dashboard. The
 * limits are above the load.
 */
export const sluiceWithEverything: StartProxy = (port, upstream, folder) => {
  writeKeys(folder)
  const file = join(folder, 'gateway.yaml')
  writeFileSync(
    file,
    `listen: 127.0.0.1:${port}
admin: 127.0.0.1:0
upstream: http://127.0.0.1:${upstream}
identity: { api_keys: keys.yaml }
tiers: { free: 1, pro: 2 }
routes:
  - match: POST /predict
    limits:
      - 1000000/second
      - { limit: 1000000000/day, algorithm: fixed-window }
      - { concurrent: 1000 }
`,
  )
  return startServer(process.execPath, [SLUICE, 'serve', file], port)
}

interface NginxSettings {
  /** The variable to count requests by. */
  readonly key?: string
  readonly rate?: string
  readonly burst?: number
  /** Directives of the location. */
  readonly location?: string
}

/** Writes the file `keys.yaml` with the keys of `KEYS`, which belong to clients of two tiers. */
export function writeKeys(folder: string): void {
  const clients = KEYS.map(
    (key, index) =>
      `- { sha256: ${keyDigest(key)}, client: client-${index}, tier: ${index % 2 === 0 ? 'free' : 'pro'} }`,
  )
  writeFileSync(join(folder, 'keys.yaml'), `keys:\n${clients.join('\n')}\n`)
}

/** Starts nginx with one process, keep-alive to the upstream, and a limit above the load. */
export const nginx: StartProxy = nginxWith({})

/** Returns the start function of nginx with other settings. */
export function nginxWith(settings: NginxSettings): StartProxy {
  const { key = '$binary_remote_addr', rate = '1000000r/s', burst = 1_000_000, location = '' } = settings
  return (port, upstream, folder) => {
    const file = join(folder, 'nginx.conf')
    const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    writeFileSync(
      file,
      `daemon off; master_process off; pid ${folder}/pid; error_log ${folder}/errors crit;
events { worker_connections 4096; }
http {
  access_log off; keepalive_requests 1000000000;
  ${temporary.map((name) => `${name}_temp_path ${folder}/${name};`).join(' ')}
  limit_req_zone ${key} zone=clients:10m rate=${rate};
  upstream model { server 127.0.0.1:${upstream}; keepalive 256; keepalive_requests 1000000000; }
  server {
    listen 127.0.0.1:${port};
    location / {
      limit_req zone=clients burst=${burst} nodelay; ${location}
      proxy_pass http://model; proxy_http_version 1.1; proxy_set_header Connection "";
    }
  }
}
`,
    )
    return startServer('nginx', ['-c', file, '-p', folder, '-e', join(folder, 'errors')], port)
  }
}

/** Returns a function that starts a proxy from this folder. */
export function proxyOf(name: 'pipe' | 'http-proxy-3' | 'fastify-http-proxy'): StartProxy {
  const program = fileURLToPath(new URL(`./${name}.js`, import.meta.url))
  return (port, upstream) => startServer(process.execPath, [program, String(port), String(upstream)], port)
}

/** Creates a temporary folder; `remove` deletes it with its contents. */
export function temporaryFolder(): { readonly folder: string; remove(): void } {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-bench-'))
  return { folder, remove: () => rmSync(folder, { recursive: true, force: true }) }
}
