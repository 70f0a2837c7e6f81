import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import { fileURLToPath } from 'node:url'

export const ROOT = fileURLToPath(new URL('..', import.meta.url))

/** The programs of `npm start`: the model server behind the gateway. */
export interface Stack {
  readonly port: number
  readonly adminPort: number
  readonly modelPort: number
  /** The npm process, the leader of its process group. */
  readonly pid: number
  /** Returns the ids of the running processes in the group. */
  processes(): number[]
  /** Returns the output so far. */
  output(): string
  stop(): Promise<void>
}

/** Runs `npm start` on free ports and waits until it prints the commands to try. */
export async function startStack(): Promise<Stack> {
  const [port, adminPort, modelPort] = await freePorts(3)
  const child = spawn('npm', ['start'], {
    cwd: ROOT,
    env: { ...process.env, PORT: `${port}`, ADMIN_PORT: `${adminPort}`, MODEL_PORT: `${modelPort}` },
    // A separate process group, so that a signal reaches all processes.
    detached: true,
  })
  const pid = child.pid as number
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text
    })
  }
  const ended = once(child, 'close')
  while (!output.includes('Ctrl-C')) {
    if (child.exitCode !== null) throw new Error(`npm start exited:\n${output}`)
    await Promise.race([ended, once(child.stdout, 'data')])
  }
  return {
    port: port as number,
    adminPort: adminPort as number,
    modelPort: modelPort as number,
    pid,
    processes: () => processesOf(pid),
    output: () => output,
    async stop() {
      if (processesOf(pid).length > 0) process.kill(-pid, 'SIGINT')
      await ended
    },
  }
}

/** Returns the ids of the running processes in a group. */
function processesOf(group: number): number[] {
  const { stdout } = spawnSync('ps', ['-A', '-o', 'pid=,pgid=,stat='], { encoding: 'utf8' })
  return stdout.split('\n').flatMap((line) => {
    const [pid, pgid, state = ''] = line.trim().split(/\s+/)
    return Number(pgid) === group && !state.startsWith('Z') ? [Number(pid)] : []
  })
}

/** Returns ports that were free a moment ago. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'))
  await Promise.all(servers.map((server) => once(server, 'listening')))
  const ports = servers.map((server) => (server.address() as AddressInfo).port)
  await Promise.all(servers.map((server) => once(server.close(), 'close')))
  return ports
}
