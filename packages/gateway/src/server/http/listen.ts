import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Endpoint } from '../../policy/config/config.js'
import { formatEndpoint } from '../../policy/config/yaml/endpoint.js'

/**
 * Starts listening on an endpoint.
 *
 * @throws Error with a one-line message if the port cannot be opened
 */
export function listen(server: Server, endpoint: Endpoint): Promise<AddressInfo> {
  return new Promise((resolve, reject) => {
    const onError = (error: NodeJS.ErrnoException) =>
      reject(new Error(messageFor(error, endpoint), { cause: error }))
    // Node would silently drop excess headers. Their total size is still bounded (431).
    server.maxHeadersCount = 0
    server.once('error', onError)
    server.listen({ host: endpoint.host, port: endpoint.port }, () => {
      server.off('error', onError)
      resolve(server.address() as AddressInfo)
    })
  })
}

function messageFor(error: NodeJS.ErrnoException, endpoint: Endpoint): string {
  const { host, port } = endpoint
  switch (error.code) {
    case 'EADDRINUSE':
      return `port ${port} on ${host} is already in use; stop the process that uses it or choose another port`
    case 'EACCES':
      return `no permission to listen on ${formatEndpoint(endpoint)}; choose a port from 1024 up`
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return `${host} is not an address of this machine; use 127.0.0.1 for local clients or 0.0.0.0 for all addresses`
    default:
      return `cannot listen on ${formatEndpoint(endpoint)}: ${error.message}`
  }
}
