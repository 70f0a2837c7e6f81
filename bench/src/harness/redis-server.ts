import { freePorts } from './ports.js'
import { type ServerProcess, startServer } from './server-process.js'

/** Starts Redis without persistence on a free port of the loopback interface. */
export async function startRedis(): Promise<ServerProcess> {
  const [port = 0] = await freePorts(1)
  return startServer(
    'redis-server',
    ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'],
    port,
  )
}
