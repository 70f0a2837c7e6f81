import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Endpoint } from '../../policy/config/config.js'

/**
 * Has a server listen.
 *
 * @throws Error that says in one line why the port cannot be had.
 */
export function listen(server: Server, { host, port }: Endpoint): Promise<AddressInfo> {
  return new Promise((resolve, reject) => {
    const onError = (error: NodeJS.ErrnoException) =>
      reject(new Error(whyNot(error, host, port), { cause: error }))
    // Node would drop headers beyond a number of them without a word; their bytes are bounded all the same (431).
    server.maxHeadersCount = 0
    server.once('error', onError)
    server.listen({ host, port }, () => {
      server.off('error', onError)
      resolve(server.address() as AddressInfo)
    })
  })
}

function whyNot(error: NodeJS.ErrnoException, host: string, port: number): string {
  switch (error.code) {
    case 'EADDRINUSE':
      return `port ${port} of ${host} is in use; stop what uses it or choose another port`
    case 'EACCES':
      return `port ${port} of ${host} needs more rights than this process has; choose one from 1024 on`
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return `${host} is no address of this machine; 127.0.0.1 is itself, 0.0.0.0 all its addresses`
    default:
      return `cannot listen on port ${port} of ${host}: ${error.message}`
  }
}
