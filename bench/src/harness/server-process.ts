import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { setTimeout as after } from 'node:timers/promises'
import { CannotRun } from './bench.js'

/** A server in its own process. */
export interface ServerProcess {
  readonly port: number
  readonly pid: number
  /** Returns the processor time used so far, in seconds. */
  cpuSeconds(): number
  stop(): Promise<void>
}

/** Linux counts processor time in hundredths of a second. */
const TICKS_PER_SECOND = 100
const START_TIMEOUT_MS = 60_000

/**
 * Starts a server and waits until it accepts connections.
 *
 * @throws CannotRun if the program is missing, exits, or does not listen within a minute
 */
export async function startServer(
  command: string,
  args: readonly string[],
  port: number,
): Promise<ServerProcess> {
  const child = spawn(command, args, { stdio: 'ignore' })
  const failed = once(child, 'error').then(([error]: NodeJS.ErrnoException[]) => {
    throw new CannotRun(
      error?.code === 'ENOENT' ? `${command} is not installed` : `${command}: ${error?.message}`,
    )
  })
  try {
    await Promise.race([failed, waitUntilListening(port, child)])
  } catch (error) {
    child.kill('SIGKILL')
    throw error
  }
  return {
    port,
    pid: child.pid as number,
    cpuSeconds: () => processorTime(child.pid as number),
    async stop() {
      const ended = once(child, 'exit')
      child.kill()
      await ended
    },
  }
}

async function waitUntilListening(port: number, child: ChildProcess): Promise<void> {
  const until = performance.now() + START_TIMEOUT_MS
  while (performance.now() < until) {
    if (child.exitCode !== null) throw new CannotRun(`the server exited with code ${child.exitCode}`)
    if (await acceptsConnections(port)) return
    await after(20)
  }
  throw new CannotRun(`the server did not listen on port ${port} within a minute`)
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

function processorTime(pid: number): number {
  let stat: string
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
  } catch {
    throw new CannotRun('measuring processor time requires /proc, which this system does not have')
  }
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND
}
