import { type ChildProcess, spawn } from 'node:child_process'
import { connect } from 'node:net'
import { freePort, until } from './redis.js'

/** A server on a free loopback port. */
export interface MemcachedServer {
  readonly port: number
  readonly url: string
  readonly process: ChildProcess
  /**
   * Sends a command and returns the lines of the response up to the one that begins with `last`.
   */
  send(command: string, last: string): Promise<readonly string[]>
  /**
   * Returns every key, including expired ones, with its expiry in seconds by the server's clock; -1
   * if the key does not expire.
   */
  keys(): Promise<ReadonlyMap<string, number>>
  stop(): Promise<void>
}

/** Starts a server and waits until it responds. `port` defaults to a free one. */
export async function startMemcached(
  port?: number,
  options: readonly string[] = [],
): Promise<MemcachedServer> {
  const own = port ?? (await freePort())
  const settings = ['-p', String(own), '-l', '127.0.0.1', '-U', '0', '-t', '2', ...userOption(), ...options]
  const child = spawn('memcached', settings, { stdio: ['ignore', 'ignore', 'inherit'] })
  const send = (command: string, last: string) => responseTo(own, command, last)
  const crawl = async () => {
    // The server runs one crawl at a time, and writes the list while it crawls.
    const lines = await send('lru_crawler metadump all', 'END')
    return lines.filter((line) => line.startsWith('key=')).map(keyAndExpiry)
  }
  const keys = async () => {
    // A crawl may omit an item that is in use or being moved.
    const found = new Map<string, number>()
    for (let pass = 0; pass < 5; pass++) for (const [key, expiry] of await crawl()) found.set(key, expiry)
    return found
  }
  const stop = () => kill(child)
  try {
    await unlessExited(
      child,
      until(async () => (await send('version', 'VERSION')).length > 0),
    )
  } catch (cause) {
    await stop()
    throw new Error(`memcached on port ${own} does not respond`, { cause })
  }
  return { port: own, url: `memcached://127.0.0.1:${own}`, process: child, send, keys, stop }
}

/** Returns the user option that Memcached requires when run as root. */
function userOption(): readonly string[] {
  return process.getuid?.() === 0 ? ['-u', 'nobody'] : []
}

function responseTo(port: number, command: string, last: string): Promise<readonly string[]> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(`${command}\r\n`))
    let text = ''
    socket.setEncoding('latin1')
    socket.on('data', (data) => {
      text += data
      const lines = text.split('\r\n').flatMap((line) => line.split('\n'))
      const end = lines.findIndex((line) => line.startsWith(last))
      if (end < 0 || end === lines.length - 1) return
      socket.destroy()
      resolve(lines.slice(0, end + 1))
    })
    socket.on('error', reject)
    socket.on('close', () => reject(new Error(`the connection was closed after '${text.slice(0, 200)}'`)))
  })
}

/** Parses a line such as `key=a%3Ab exp=1800000000 la=… cas=… fetch=… cls=… size=…`. */
function keyAndExpiry(line: string): [key: string, expiry: number] {
  const [, key = '', expiry = ''] = /^key=(\S+) exp=(-?\d+) /.exec(line) ?? []
  return [decodeURIComponent(key), Number(expiry)]
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
  const gone = new Promise((resolve) => child.once('exit', resolve))
  child.kill('SIGKILL')
  await gone
}
