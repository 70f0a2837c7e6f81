import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import { fileURLToPath } from 'node:url'

export const ROOT = fileURLToPath(new URL('..', import.meta.url))

/** What `npm start` runs: the model server behind the gateway. */
export interface Stack {
  readonly port: number
  readonly adminPort: number
  readonly modelPort: number
  /** The process of npm, which leads a group of its own. */
  readonly pid: number
  /** The processes of the group that run. */
  processes(): number[]
  /** What it has printed. */
  said(): string
  stop(): Promise<void>
}

/** Runs it on free ports and waits until it has printed what to try. */
export async function startStack(): Promise<Stack> {
  const [port, adminPort, modelPort] = await freePorts(3)
  const child = spawn('npm', ['start'], {
    cwd: ROOT,
    env: { ...process.env, PORT: `${port}`, ADMIN_PORT: `${adminPort}`, MODEL_PORT: `${modelPort}` },
    // A group of its own, so that all of it can be stopped whatever happens.
    detached: true,
  })
  const pid = child.pid as number
  let said = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      said += text
    })
  }
  const ended = once(child, 'close')
  while (!said.includes('Ctrl-C')) {
    if (child.exitCode !== null) throw new Error(`npm start ended:\n${said}`)
    await Promise.race([ended, once(child.stdout, 'data')])
  }
  return {
    port: port as number,
    adminPort: adminPort as number,
    modelPort: modelPort as number,
    pid,
    processes: () => processesOf(pid),
    said: () => said,
    async stop() {
      if (processesOf(pid).length > 0) process.kill(-pid, 'SIGINT')
      await ended
    },
  }
}

/** The processes of a group that have not ended. */
function processesOf(group: number): number[] {
  const { stdout } = spawnSync('ps', ['-A', '-o', 'pid=,pgid=,stat='], { encoding: 'utf8' })
  return stdout.split('\n').flatMap((line) => {
    const [pid, pgid, state = ''] = line.trim().split(/\s+/)
    return Number(pgid) === group && !state.startsWith('Z') ? [Number(pid)] : []
  })
}

/** Ports that were free a moment ago. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'))
  await Promise.all(servers.map((server) => once(server, 'listening')))
  const ports = servers.map((server) => (server.address() as AddressInfo).port)
  await Promise.all(servers.map((server) => once(server.close(), 'close')))
  return ports
}
