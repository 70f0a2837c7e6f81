/**
 * Request headers by which a client could steer the server behind the gateway: past the path, method, host or scheme
 * that was decided on, or into another identity.
 *
 * All names here are folded: lower case, with `-` for every character that is no letter or digit. CGI, WSGI, PHP and
 * Rack read `SCRIPT_NAME`, `Script-Name` and, some of them, `Script.Name` as one variable.
 */

/** Brings a header name into the form in which the names here are written. */
export function foldedName(name: string): string {
  return name.toLowerCase().replace(/[^a-z0-9]/g, '-')
}

/**
 * Whether a header steers the upstream, so that it is never forwarded as it came.
 *
 * @param folded the name as `foldedName` gives it
 */
export function steersUpstream(folded: string): boolean {
  return (
    STEERING.has(folded) ||
    folded.endsWith('-method-override') ||
    STEERING_PREFIXES.some((prefix) => folded.startsWith(prefix))
  )
}

/**
 * Whether a header names the user that a proxy has authenticated. Only a trusted proxy may send it.
 *
 * @param folded the name as `foldedName` gives it
 */
export function namesUser(folded: string): boolean {
  return USERS.has(folded) || USER_PREFIXES.some((prefix) => folded.startsWith(prefix))
}

const STEERING_PREFIXES: readonly string[] = [
  'x-forwarded-',
  // ASP.NET Core keeps here what X-Forwarded-* replaced; IIS, Zend and Symfony read the URL from it.
  'x-original-',
  // nginx, and Rack::Sendfile, which maps paths by X-Accel-Mapping.
  'x-accel-',
  'x-sendfile',
  'x-envoy-',
  'x-arr-',
  'x-appengine-',
  // Next.js keeps the path that it serves here.
  'x-invoke-',
  'ms-aspnetcore-',
]

const STEERING: ReadonlySet<string> = new Set([
  // Path, query and script name. Those without `x-` are variables of CGI, which gunicorn and PHP take from headers too.
  'document-root',
  'document-uri',
  'iis-wasurlrewritten',
  'orig-path-info',
  'path-info',
  'path-translated',
  'query-string',
  'redirect-status',
  'redirect-url',
  'request-uri',
  'root-path',
  'script-filename',
  'script-name',
  'script-url',
  'unencoded-url',
  'x-base-path',
  'x-base-url',
  'x-context-path',
  'x-http-destinationurl',
  'x-http-path-override',
  'x-ingress-path',
  'x-matched-path',
  'x-middleware-subrequest',
  'x-path-info',
  'x-replaced-path',
  'x-request-uri',
  'x-rewrite-path',
  'x-rewrite-uri',
  'x-rewrite-url',
  'x-root-path',
  'x-script-name',
  'x-waws-unencoded-url',
  // Method.
  'request-method',
  'x-http-method',
  'x-http-verb',
  'x-method',
  // Host and scheme.
  'front-end-https',
  'https',
  'request-scheme',
  'server-name',
  'server-port',
  'server-protocol',
  'x-forwarded',
  'x-host',
  'x-host-override',
  'x-http-host-override',
  'x-https',
  'x-scheme',
  'x-url-scheme',
  // Address of the client.
  'cf-connecting-ip',
  'cf-connecting-ipv6',
  'cf-pseudo-ipv4',
  'client-ip',
  'do-connecting-ip',
  'fastly-client-ip',
  'fly-client-ip',
  'forwarded',
  'forwarded-for',
  'forwarded-for-ip',
  'forwarded-host',
  'forwarded-proto',
  'gateway-interface',
  'remote-addr',
  'remote-host',
  'remote-port',
  'true-client-ip',
  'wl-proxy-client-ip',
  'wl-proxy-ssl',
  'x-azure-clientip',
  'x-azure-socketip',
  'x-client-ip',
  'x-cluster-client-ip',
  'x-client-ip-address',
  'x-forward-for',
  'x-forwarder-for',
  'x-nf-client-connection-ip',
  'x-originating-ip',
  'x-proxyuser-ip',
  'x-real-host',
  'x-real-ip',
  'x-real-port',
  'x-real-proto',
  'x-remote-addr',
  'x-remote-host',
  'x-remote-ip',
  'x-true-client-ip',
  'x-vercel-ip',
])

const USER_PREFIXES: readonly string[] = [
  'ssl-client-',
  'x-auth-request-',
  'x-remote-user-',
  'x-ssl-client-',
  // Proxies that sign users in, each with headers of its own.
  'cf-access-',
  'mellon-',
  'oidc-claim-',
  'tailscale-user-',
  'x-amzn-oidc-',
  'x-authentik-',
  'x-consumer-',
  'x-goog-authenticated-user-',
  'x-goog-iap-',
  'x-ms-client-principal',
  'x-ms-token-',
  'x-pomerium-',
  'x-vouch-',
]

const USERS: ReadonlySet<string> = new Set([
  'auth-type',
  'auth-user',
  'client-cert',
  'client-cert-chain',
  'remote-email',
  'remote-groups',
  'remote-ident',
  'remote-name',
  'remote-user',
  'x-authenticated-user',
  'x-client-cert',
  'x-client-dn',
  'x-client-verify',
  'x-credential-identifier',
  'x-forwarded-access-token',
  'x-forwarded-client-cert',
  'x-forwarded-email',
  'x-forwarded-groups',
  'x-forwarded-preferred-username',
  'x-forwarded-tls-client-cert',
  'x-forwarded-tls-client-cert-info',
  'x-forwarded-user',
  'x-remote-groups',
  'x-remote-user',
  'x-webauth-user',
])
