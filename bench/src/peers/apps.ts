import { fileURLToPath } from 'node:url'
import { freePorts } from '../harness/ports.js'
import { startRedis } from '../harness/redis-server.js'
import { type ServerProcess, startServer } from '../harness/server-process.js'
import { peerProgram, sourcePath } from './peer-programs.js'
import { startGroup } from './server-group.js'

/** Starts an application. */
export type StartApp = () => Promise<ServerProcess>

/** Returns the start function of an application in `fastapi/`, with one uvicorn worker. */
export function fastapi(
  module: 'unlimited' | 'in_memory' | 'on_redis' | 'with_slowapi',
  store?: 'redis',
): StartApp {
  return () =>
    startGroup(async (add) => {
      const program = peerProgram('fastapi', 'uvicorn')
      const env = store && { REDIS_URL: `redis://127.0.0.1:${add(await startRedis()).port}` }
      const [port = 0] = await freePorts(1)
      const args = [
        ...['--host', '127.0.0.1', '--port', String(port), '--workers', '1'],
        ...['--loop', 'uvloop', '--http', 'httptools', '--no-access-log', '--log-level', 'critical'],
        `${module}:app`,
      ]
      const cwd = sourcePath('fastapi')
      add(await startServer(program, args, port, { cwd, env: { PYTHONDONTWRITEBYTECODE: '1', ...env } }))
    })
}

/** Returns the start function of the same application on Fastify. */
export function fastify(limits: 'unlimited' | 'limited'): StartApp {
  return async () => {
    const program = fileURLToPath(new URL('./fastify-app.js', import.meta.url))
    const [port = 0] = await freePorts(1)
    return startServer(process.execPath, [program, String(port), limits], port)
  }
}
