import type { ListenConfig, ServerTls, UpstreamTls } from '../config.js'
import { parseUpstreamUrl } from '../upstream-url.js'
import { type Decoder, mapOf, transform, withKeysOf } from '../yaml/decoders.js'
import { endpoint } from '../yaml/endpoint.js'
import { hostName, string } from '../yaml/scalars.js'

const pem = {
  cert: string('tls.crt'),
  key: string('tls.key'),
}

/** Decodes the `tls` of a listener: the files of its certificate and its key. */
export const serverTls: Decoder<ServerTls> = transform(
  mapOf({ ...pem, client_ca: string('clients.crt') }, 'a map such as { cert: tls.crt, key: tls.key }'),
  ({ cert, key, client_ca: ca }) => {
    if (cert === undefined || key === undefined)
      throw new TypeError("'tls' requires 'cert' and 'key', as in { cert: tls.crt, key: tls.key }")
    return { cert, key, ...(ca !== undefined && { ca }) }
  },
)

const DEFAULT_LISTEN = { host: '127.0.0.1', port: 8080 } as const

const listenMap = mapOf(
  { address: endpoint, tls: serverTls },
  'a listen address, or a map such as { address: :8443, tls: { cert: tls.crt, key: tls.key } }',
)

/** Decodes `listen`: an address, or a map of the address and its TLS files. */
export const decodeListen: Decoder<ListenConfig> = withKeysOf(listenMap, (node, problems) => {
  if (node.kind !== 'map') return endpoint(node, problems)
  const values = listenMap(node, problems)
  return values && { ...(values.address ?? DEFAULT_LISTEN), ...(values.tls && { tls: values.tls }) }
})

/** Decodes the URL of an upstream. */
export const upstreamUrl: Decoder<string> = transform(string('http://127.0.0.1:9000'), (url) => {
  parseUpstreamUrl(url)
  return url
})

/** Decodes the `tls` of an upstream. */
export const upstreamTls: Decoder<UpstreamTls> = transform(
  mapOf(
    { ...pem, ca: string('ca.crt'), server_name: hostName },
    'a map such as { ca: ca.crt, server_name: model.internal }',
  ),
  ({ server_name: serverName, ...files }) => {
    if ((files.cert === undefined) !== (files.key === undefined))
      throw new TypeError("'cert' and 'key' require each other, as in { cert: tls.crt, key: tls.key }")
    return { ...files, ...(serverName !== undefined && { serverName }) }
  },
)

const upstreamMap = mapOf(
  { url: upstreamUrl, tls: upstreamTls },
  'a URL, or a map such as { url: "https://model.internal", tls: { ca: ca.crt } }',
)

/** Decodes `upstream`: a URL, or a map of the URL and the TLS files for it. */
export const decodeUpstream: Decoder<{ readonly url: string; readonly tls?: UpstreamTls }> = withKeysOf(
  upstreamMap,
  (node, problems) => {
    if (node.kind !== 'map') {
      const url = upstreamUrl(node, problems)
      return url === undefined ? undefined : { url }
    }
    const { url, tls } = upstreamMap(node, problems) ?? {}
    if (!node.entries.has('url'))
      problems.at(node, "'upstream' requires 'url', as in { url: https://model.internal }")
    if (tls !== undefined && url?.startsWith('http:'))
      problems.at(
        node.entries.get('tls')?.value ?? node,
        "'tls' requires an upstream with https:; change 'url', or remove 'tls'",
      )
    return url === undefined ? undefined : { url, ...(tls && { tls }) }
  },
)
