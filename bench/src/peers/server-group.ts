import type { ServerProcess } from '../harness/server-process.js'

/**
 * Starts servers one after the other, and stops those that run if one fails to start.
 *
 * @param start starts the servers and passes each to `add`
 * @returns the servers as one, with the port of the last
 */
export async function startGroup(
  start: (add: (server: ServerProcess) => ServerProcess) => Promise<unknown>,
): Promise<ServerProcess> {
  const servers: ServerProcess[] = []
  const stop = async () => {
    for (const server of servers.toReversed()) await server.stop()
  }
  const add = (server: ServerProcess) => {
    servers.push(server)
    return server
  }
  try {
    await start(add)
  } catch (error) {
    await stop()
    throw error
  }
  const sum = (figure: (server: ServerProcess) => number) =>
    servers.reduce((total, server) => total + figure(server), 0)
  return {
    port: servers.at(-1)?.port ?? 0,
    cpuSeconds: () => sum((server) => server.cpuSeconds()),
    residentBytes: () => sum((server) => server.residentBytes()),
    stop,
  }
}
