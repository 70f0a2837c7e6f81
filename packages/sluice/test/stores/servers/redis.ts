import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** The server program: Redis, `valkey-server`, or the path of another version. */
const PROGRAM = process.env.REDIS_SERVER || 'redis-server'

/** A server on a free loopback port. */
export interface RedisServer {
  readonly port: number
  /** The current or last process. */
  readonly process: ChildProcess
  /** Runs one command with redis-cli and returns its output. */
  cli(...command: string[]): Promise<string>
  /** Kills the process as in a crash. Its files remain. */
  crash(): Promise<void>
  /** Restarts the server with the same port and files, and waits until it responds. */
  startAgain(): Promise<void>
  stop(): Promise<void>
}

export interface RedisCluster {
  readonly nodes: readonly RedisServer[]
  readonly url: string
  stop(): Promise<void>
}

export interface RedisSentinels {
  readonly primary: RedisServer
  readonly replica: RedisServer
  readonly sentinel: RedisServer
  /** Name of the primary in the Sentinel's configuration. */
  readonly name: string
  readonly url: string
  stop(): Promise<void>
}

/** Starts a standalone server and waits until it responds. `port` defaults to a free one. */
export async function startRedis(settings: readonly string[] = [], port?: number): Promise<RedisServer> {
  const own = port ?? (await freePort())
  const options = ['--port', String(own), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no']
  return start(own, [...options, ...settings])
}

/** Starts three primaries that share the slots, and waits until the cluster is complete. */
export async function startRedisCluster(): Promise<RedisCluster> {
  const nodes: RedisServer[] = []
  const stop = async () => {
    await Promise.all(nodes.map((node) => node.stop()))
  }
  try {
    for (let node = 0; node < 3; node++) nodes.push(await startClusterNode())
    const addresses = nodes.map(({ port }) => `127.0.0.1:${port}`)
    await run('redis-cli', ['--cluster', 'create', ...addresses, '--cluster-replicas', '0', '--cluster-yes'])
    for (const node of nodes)
      await until(async () => (await node.cli('cluster', 'info')).includes('cluster_state:ok'))
    return { nodes, url: `redis+cluster://${addresses.join()}`, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

/** Adds a replica of a primary and waits until it is synchronized. */
export async function addReplica(primary: RedisServer): Promise<RedisServer> {
  const replica = await startClusterNode()
  try {
    const addresses = [replica, primary].map(({ port }) => `127.0.0.1:${port}`)
    const id = await primary.cli('cluster', 'myid')
    const role = ['--cluster-slave', '--cluster-master-id', id]
    await run('redis-cli', ['--cluster', 'add-node', ...addresses, ...role])
    await until(async () => (await replica.cli('info', 'replication')).includes('master_link_status:up'))
    return replica
  } catch (error) {
    await replica.stop()
    throw error
  }
}

/** Starts a cluster node with a free port for the cluster bus. */
async function startClusterNode(): Promise<RedisServer> {
  const bus = await freePort()
  return startRedis([
    ...['--cluster-enabled', 'yes', '--cluster-port', String(bus)],
    ...['--cluster-node-timeout', '2000', '--cluster-require-full-coverage', 'no'],
  ])
}

/** Starts a primary, a replica and a Sentinel, and waits until the Sentinel knows both. */
export async function startRedisSentinels(): Promise<RedisSentinels> {
  const servers: RedisServer[] = []
  const stop = async () => {
    await Promise.all(servers.map((server) => server.stop()))
  }
  try {
    const name = 'mymaster'
    const primary = await startRedis()
    servers.push(primary)
    const replica = await startRedis(['--replicaof', `127.0.0.1 ${primary.port}`])
    servers.push(replica)
    await until(async () => (await replica.cli('info', 'replication')).includes('master_link_status:up'))
    const sentinel = await startSentinel(name, primary.port)
    servers.push(sentinel)
    await until(async () => (await sentinel.cli('sentinel', 'replicas', name)).includes(String(replica.port)))
    return {
      primary,
      replica,
      sentinel,
      name,
      url: `redis+sentinel://127.0.0.1:${sentinel.port}/${name}`,
      stop,
    }
  } catch (error) {
    await stop()
    throw error
  }
}

async function startSentinel(name: string, primaryPort: number): Promise<RedisServer> {
  const port = await freePort()
  const settings = [
    `port ${port}`,
    'bind 127.0.0.1',
    `sentinel monitor ${name} 127.0.0.1 ${primaryPort} 1`,
    `sentinel down-after-milliseconds ${name} 1000`,
    `sentinel failover-timeout ${name} 3000`,
  ]
  return start(port, ['--sentinel'], settings.join('\n'))
}

/** Starts a server in a temporary folder, which is removed when it stops. */
async function start(port: number, options: readonly string[], configuration?: string): Promise<RedisServer> {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-redis-'))
  const file = join(folder, 'server.conf')
  if (configuration !== undefined) await writeFile(file, configuration)
  const all = [...(configuration === undefined ? [] : [file]), ...options, '--dir', folder]
  const cli = async (...command: string[]) => {
    const { stdout } = await run('redis-cli', ['-h', '127.0.0.1', '-p', String(port), ...command])
    return stdout.trim()
  }
  let child: ChildProcess
  const crash = () => kill(child)
  const stop = async () => {
    await crash()
    await rm(folder, { recursive: true, force: true })
  }
  const startAgain = async () => {
    child = spawn(PROGRAM, all, { stdio: ['ignore', 'pipe', 'inherit'] })
    let output = ''
    child.stdout?.on('data', (data) => {
      output = (output + data).slice(-4000)
    })
    try {
      await unlessExited(
        child,
        until(async () => (await cli('ping')) === 'PONG'),
      )
    } catch (cause) {
      await stop()
      throw new Error(`${PROGRAM} on port ${port} does not respond. Its output:\n${output}`, { cause })
    }
  }
  await startAgain()
  return {
    port,
    get process() {
      return child
    },
    cli,
    crash,
    startAgain,
    stop,
  }
}

/** Settles like the promise, but rejects as soon as the process exits or cannot be started. */
function unlessExited<T>(child: ChildProcess, promise: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', (code) => reject(new Error(`the process exited with code ${code}`)))
    promise.then(resolve, reject)
  })
}

async function kill(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return
  const exited = new Promise((resolve) => child.once('exit', resolve))
  child.kill('SIGKILL')
  await exited
}

/** Returns a free port of the loopback interface. */
export async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  if (address === null || typeof address === 'string') throw new Error('the server has no port')
  return address.port
}

/** Waits until a condition holds. An error counts as false. */
export async function until(condition: () => Promise<boolean>, timeoutMs = 20_000): Promise<void> {
  const deadline = performance.now() + timeoutMs
  for (;;) {
    if (await condition().catch(() => false)) return
    if (performance.now() > deadline)
      throw new Error(`the condition did not hold within ${timeoutMs} ms: ${condition}`)
    await pause(20)
  }
}
