/**
 * Request headers with which a client could make the upstream use another path, method, host,
 * scheme or identity than the gateway decided on.
 *
 * All names here are folded: lower case, with `-` for every character other than a letter or digit.
 * CGI, WSGI, PHP and Rack read `SCRIPT_NAME` and `Script-Name` as the same variable, and some of
 * them also `Script.Name`.
 */

/** Folds a header name: lower case, with `-` for every character other than a letter or digit. */
export function foldedName(name: string): string {
  return name.toLowerCase().replace(/[^a-z0-9]/g, '-')
}

/**
 * Reports whether a header steers the upstream. Such a header is never forwarded as received.
 *
 * @param folded the name, as `foldedName` returns it
 */
export function steersUpstream(folded: string): boolean {
  return (
    STEERING.has(folded) ||
    folded.endsWith('-method-override') ||
    STEERING_PREFIXES.some((prefix) => folded.startsWith(prefix))
  )
}

/**
 * Reports whether a header names the user that a proxy has authenticated. Only a trusted proxy may
 * send it.
 *
 * @param folded the name, as `foldedName` returns it
 */
export function namesUser(folded: string): boolean {
  return USERS.has(folded) || USER_PREFIXES.some((prefix) => folded.startsWith(prefix))
}

const STEERING_PREFIXES: readonly string[] = [
  'x-forwarded-',
  // ASP.NET Core stores replaced values here; IIS, Zend and Symfony read the URL from it.
  'x-original-',
  // nginx, and Rack::Sendfile, which maps paths with X-Accel-Mapping.
  'x-accel-',
  'x-sendfile',
  'x-envoy-',
  'x-arr-',
  'x-appengine-',
  // Next.js stores the path that it serves here.
  'x-invoke-',
  'ms-aspnetcore-',
]

const STEERING: ReadonlySet<string> = new Set([
  // Path, query and script name. Names without `x-` are CGI variables, which gunicorn and PHP also
  // read from headers.
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
  // Authenticating proxies, each with its own headers.
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
