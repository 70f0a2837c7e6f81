import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect } from 'node:net'
import { setTimeout as after } from 'node:timers/promises'
import { CannotRun } from './bench.js'
import { processorTime, residentBytes } from './process-usage.js'

/** One or more processes that serve requests on a port. */
export interface ServerProcess {
  readonly port: number
  /** Returns the processor time used so far, in seconds. */
  cpuSeconds(): number
  /** Returns the resident memory, including that of child processes, in bytes. */
  residentBytes(): number
  stop(): Promise<void>
}

export interface ServerOptions {
  /** Variables to add to the environment. */
  readonly env?: Readonly<Record<string, string>>
  readonly cwd?: string
}

const START_TIMEOUT_MS = 60_000
const STOP_TIMEOUT_MS = 5000
/** Characters of a server's error output that are kept, to name the reason why it exits. */
const MAX_ERROR_OUTPUT = 2000

/**
 * Starts a server and waits until it accepts connections.
 *
 * @throws CannotRun if the program is missing, exits, or does not listen within a minute
 */
export async function startServer(
  command: string,
  args: readonly string[],
  port: number,
  { env, cwd }: ServerOptions = {},
): Promise<ServerProcess> {
  const child = spawn(command, args, {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, ...env },
    cwd,
  })
  const kill = () => child.kill('SIGKILL')
  process.once('exit', kill)
  child.once('exit', () => process.off('exit', kill))
  let errors = ''
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    errors = (errors + chunk).slice(-MAX_ERROR_OUTPUT)
  })
  const failed = once(child, 'error').then(([error]: NodeJS.ErrnoException[]) => {
    throw new CannotRun(
      error?.code === 'ENOENT' ? `${command} is not installed` : `${command}: ${error?.message}`,
    )
  })
  try {
    await Promise.race([failed, waitUntilListening(port, child, () => errors)])
  } catch (error) {
    kill()
    throw error
  }
  const pid = child.pid as number
  return {
    port,
    cpuSeconds: () => processorTime(pid),
    residentBytes: () => residentBytes(pid),
    async stop() {
      if (hasEnded(child)) return
      const ended = once(child, 'exit')
      child.kill()
      const forced = setTimeout(kill, STOP_TIMEOUT_MS)
      await ended
      clearTimeout(forced)
    },
  }
}

async function waitUntilListening(port: number, child: ChildProcess, errors: () => string): Promise<void> {
  const until = performance.now() + START_TIMEOUT_MS
  while (performance.now() < until) {
    if (hasEnded(child)) {
      const [reason = ''] = errors().trimEnd().split('\n').slice(-1)
      throw new CannotRun(`the server exited with code ${child.exitCode}${reason && `: ${reason}`}`)
    }
    if (await acceptsConnections(port)) return
    await after(20)
  }
  throw new CannotRun(`the server did not listen on port ${port} within a minute`)
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null
}

function acceptsConnections(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}
