import type { FailurePolicyName, Refusing, Rule } from 'sluice'
import type { ErrorShape, FieldOptions, ForwardedHeader } from 'sluice/http'
import type { JwtOptions } from 'sluice/jwt'
import type { ClientList } from '../acts/access-list.js'
import type { AnswerTemplates } from '../answer-template.js'
import type { BodyTypes } from '../body/body-format.js'
import type { LlmRouteOptions } from '../llm/llm-call.js'
import type { PriceList } from '../llm/price-list.js'
import type { MirrorName } from '../llm/vendor-headers.js'
import type { ModelAccess, ModelList } from '../model-access.js'
import type { GatewayRequest, UpstreamCall } from '../policy-request.js'
import type { RoutePattern } from '../routing/route-pattern.js'
import type { ConfigProblem } from './yaml/diagnostics.js'
import type { Variables } from './yaml/variables.js'

/** A validated and compiled configuration file. All durations are in milliseconds. */
export interface GatewayConfig {
  /** The name and the content of the file. */
  readonly source: ConfigSource
  /** Warnings about the file, in line order; absent if there are none. */
  readonly warnings?: readonly ConfigProblem[]
  readonly listen: ListenConfig
  /** The number of worker processes. */
  readonly workers: number
  /** Undefined for `admin: off`. */
  readonly admin: AdminConfig | undefined
  /** The port for probes and metrics without a token; undefined if there is none. */
  readonly probes?: Endpoint | undefined
  /** The URL to which requests are forwarded. */
  readonly upstream: string
  /** Undefined for the certificates of the system, and no client certificate. */
  readonly upstreamTls?: UpstreamTls | undefined
  /** The upstreams that routes choose; absent if there are none. */
  readonly upstreams?: Readonly<Record<string, UpstreamConfig>>
  readonly store: StoreConfig
  readonly onStoreFailure: StoreFailureConfig
  readonly identity: IdentityConfig
  /** The multiplier of the limits for each tier. */
  readonly tiers: Readonly<Record<string, number | 'unlimited'>>
  /** Maximum size of a body that rules can read, in bytes. */
  readonly maxBody: number
  /**
   * True if requests that are not idempotent are retried after the upstream closes a keep-alive
   * connection.
   */
  readonly retriesPost: boolean
  /** The rate limit headers of responses. Default: those of the library. */
  readonly headers?: FieldOptions | undefined
  /** Replacements of the gateway's own answers, on all routes. */
  readonly answers?: AnswerTemplates | undefined
  /** For requests without a route, and routes without their own; `off` leaves CORS to the upstream. */
  readonly cors?: CorsConfig | 'off' | undefined
  readonly server: ServerConfig
  readonly timeouts: TimeoutConfig
  readonly log: LogConfig
  /** Undefined if requests are not logged. */
  readonly accessLog?: AccessLogConfig | undefined
  /** Undefined if traffic is not recorded. */
  readonly record: RecordConfig | undefined
  /** The clients whose requests are refused, on every route. Takes precedence over `allow`. */
  readonly deny?: ClientList | undefined
  /** The clients that no limit applies to. Their addresses are also in `allow` of every route. */
  readonly allow?: ClientList | undefined
  /** The file in which the acts of operators are kept; undefined to keep them in the store. */
  readonly state?: string | undefined
  /** The prices of models; absent if there are none. */
  readonly prices?: PricesConfig
  /** The models that metrics name; all others are counted as `other`. */
  readonly models?: readonly string[] | undefined
  /** Undefined if nothing is exported. */
  readonly telemetry?: TelemetryConfig | undefined
  /** Undefined if clients cannot look up their usage. */
  readonly usage?: UsageConfig | undefined
  /** The receivers of thresholds; absent if there are none. */
  readonly webhooks?: readonly WebhookConfig[]
  /** The routes in the order of the file. The first one that matches a request applies. */
  readonly routes: readonly RouteConfig[]
  /** The policy for requests that match no route; `deny` responds with 404. */
  readonly fallback: PolicyConfig | 'deny'
}

/** A receiver of signed notices. */
export interface WebhookConfig {
  readonly url: string
  /** The key of the signatures. */
  readonly secret: string
  /** Timeout of one attempt. */
  readonly timeoutMs: number
  /** How long a notice is retried. */
  readonly retryMs: number
}

/** The price list. */
export interface PricesConfig {
  /** The path as written. */
  readonly path: string
  /** The resolved path. */
  readonly file: string
  /** The content of the file. */
  readonly text: string
  readonly list: PriceList
}

export interface ConfigSource {
  /** The name of the file. */
  readonly file: string
  /** The content, which refers to variables by name. */
  readonly text: string
  /** The values of the variables. Secret. */
  readonly variables: Variables
}

/**
 * A rotating record of traffic: `FILE`, and older files as `FILE.1`, `FILE.2` and so on. Each of
 * several workers has such files of its own.
 */
export interface RecordConfig {
  readonly file: string
  /** Maximum size of each file, in bytes. Each of several workers has an equal share. */
  readonly maxSize: number
  /** Maximum number of files that are kept; with several workers, for each. */
  readonly files: number
}

export interface TelemetryConfig {
  /** Undefined if nothing is exported over OTLP. */
  readonly otlp?: OtlpConfig
}

/** Protocols over which OTLP is sent. */
export const OTLP_PROTOCOLS = ['http/protobuf', 'http/json'] as const

/** The export over OTLP. The standard `OTEL_*` variables apply to settings that are absent. */
export interface OtlpConfig {
  /** The base URL of the receiver, without `/v1/traces`. */
  readonly endpoint?: string
  readonly protocol?: (typeof OTLP_PROTOCOLS)[number]
  readonly traces: boolean
  readonly metrics: boolean
}

/** The address of a listener. Port 0 selects a free port. */
export interface Endpoint {
  readonly host: string
  readonly port: number
}

/** The port for clients. */
export interface ListenConfig extends Endpoint {
  /** Undefined for plain HTTP. */
  readonly tls?: ServerTls
}

/** PEM files of one side of TLS connections. */
export interface TlsFiles {
  /** The certificate of this side, followed by its intermediate certificates. */
  readonly cert?: string
  /** The private key of the certificate. */
  readonly key?: string
  /** The certificates of the authorities that sign the certificate of the other side. */
  readonly ca?: string
}

/** The files of a TLS server. With `ca`, clients must present a certificate. */
export type ServerTls = TlsFiles & { readonly cert: string; readonly key: string }

export interface UpstreamTls extends TlsFiles {
  /** The name in the certificate of the upstream, if it is not the host of the URL. */
  readonly serverName?: string
}

/** A rule of an upstream, which counts all requests to it under one key. */
export type UpstreamRule = Rule<UpstreamCall>

/** A server to which routes send requests, at one address or several. */
export interface UpstreamConfig {
  /** The URLs of its addresses; at least one. */
  readonly urls: readonly string[]
  readonly tls?: UpstreamTls
  /** Headers that replace all client headers of the same names. The values are secret. */
  readonly headers?: readonly (readonly [name: string, value: string])[]
  /** The upstreams that are tried next, in this order. */
  readonly fallback?: readonly string[]
  /** The statuses after which the next one is tried. Default: `DEFAULT_FALLBACK_ON`. */
  readonly fallbackOn?: readonly number[]
  readonly health?: HealthCheckConfig
  readonly rules?: readonly UpstreamRule[]
}

/** The statuses after which the fallback of an upstream is tried. */
export const DEFAULT_FALLBACK_ON: readonly number[] = [429]

/** A request that each address of an upstream must answer with a status below 400. */
export interface HealthCheckConfig {
  readonly path: string
  readonly everyMs: number
}

/** Returns the name of an upstream for a request. */
export type ChooseUpstream = ((request: GatewayRequest) => string) & {
  readonly source: string
  readonly readsBody: boolean
  readonly readsModel: boolean
}

/** The port for operators: metrics, health and the dashboard. */
export interface AdminConfig extends Endpoint {
  /** Host names of a reverse proxy, in lower case. Requests to them require the token. */
  readonly names?: readonly string[]
  /** SHA-256 of a token with the role `act`, in hex. Without tokens, the port is open but read-only. */
  readonly tokenHash?: string
  /** The tokens of single operators. */
  readonly tokens?: readonly AdminToken[]
  /** Operators who sign in at an OpenID provider. */
  readonly oidc?: AdminOidc
  /** The file that records changes made from the dashboard, and attempts to make them. */
  readonly audit?: string
  /** Undefined for plain HTTP. */
  readonly tls?: ServerTls
}

/** Tokens of an OpenID provider that the admin port accepts. */
export interface AdminOidc {
  /** The URL of the provider, exactly as in its tokens. */
  readonly issuer: string
  readonly audience: readonly string[]
  /** The claim with the roles of an operator: a string or a list of strings. */
  readonly rolesClaim: string
  /** Roles that allow reading. */
  readonly read: readonly string[]
  /** Roles that allow everything. */
  readonly act: readonly string[]
}

export const ADMIN_ROLES = ['read', 'act'] as const

/** A token of the admin port, and what it allows. */
export interface AdminToken {
  /** The name of its holder, for the audit log. */
  readonly name: string
  /** `act` includes `read`. */
  readonly role: (typeof ADMIN_ROLES)[number]
  /** SHA-256 of the token, in hex. */
  readonly hash: string
}

/** The holder of the single token `token_sha256`, for the audit log. */
export const DEFAULT_TOKEN_NAME = 'admin'

/** Reports whether operators can identify themselves on the admin port. */
export function hasOperators(admin: AdminConfig): boolean {
  return adminTokensOf(admin).length > 0 || admin.oidc !== undefined
}

/** Lists the tokens of the admin port. */
export function adminTokensOf({
  tokenHash,
  tokens = [],
}: Pick<AdminConfig, 'tokenHash' | 'tokens'>): readonly AdminToken[] {
  if (tokenHash === undefined) return tokens
  return [{ name: DEFAULT_TOKEN_NAME, role: 'act', hash: tokenHash }, ...tokens]
}

export const CLIENT_NAMINGS = ['plain', 'masked', 'hashed'] as const

export interface LogConfig {
  /** True if refused requests are logged. */
  readonly refusals: boolean
  /** How client names appear in the log. */
  readonly clients: (typeof CLIENT_NAMINGS)[number]
}

/** Where each request is logged. */
export interface AccessLogConfig {
  /** Default: the log. */
  readonly file?: string
}

export type StoreConfig =
  | { readonly kind: 'memory'; readonly maxKeys: number }
  /** The URL may contain a password. Output and logs show `storeAddress` instead. */
  | { readonly kind: 'redis' | 'memcached'; readonly url: string }

/**
 * How requests are decided while the store does not respond. Missing options default to the
 * library's defaults.
 */
export interface StoreFailureConfig {
  readonly policy: FailurePolicyName
  /** The number of gateways that share the store. */
  readonly peers?: number
  /** Maximum number of keys kept in memory while the store is unavailable. */
  readonly maxKeys?: number
  /** The timeout of a call to the store. */
  readonly deadline?: number
  /** Consecutive failures after which the store counts as unavailable. */
  readonly failures?: number
  /** Maximum number of settlements queued until the store is available again. */
  readonly maxWaiting?: number
}

export interface IdentityConfig {
  /** Addresses and networks of the proxies in front of the gateway, or their number. */
  readonly trustedProxies: readonly string[] | number
  /** The header in which they report the client's address. Default: `x-forwarded-for`. */
  readonly forwardedHeader?: ForwardedHeader
  readonly ipv6Subnet: number
  readonly apiKeys?: KeysSource
  /** Headers other than `X-API-Key` that hold an API key, in lower case. */
  readonly apiKeyHeaders?: readonly string[]
  readonly jwt?: Omit<JwtOptions, 'jwks'> & { readonly jwks: string }
  /** Headers in which a trusted proxy names the client. */
  readonly proxyHeaders?: ProxyHeaders
  /** `false` if API keys and tokens for the gateway are not forwarded. */
  readonly forwardCredentials?: false
  /** Headers that name the client to the upstream. */
  readonly forward?: ForwardedIdentity
}

/** Where API keys are kept: in a file, or in the Redis of `store`. */
export type KeysSource = { readonly kind: 'file'; readonly file: string } | { readonly kind: 'store' }

/** @param written the value of `api_keys` */
export function keysSourceOf(written: string): KeysSource {
  return written === 'store' ? { kind: 'store' } : { kind: 'file', file: written }
}

/** Names of headers, in lower case. */
export interface ForwardedIdentity {
  readonly client?: string
  readonly tier?: string
}

/** Names of headers, in lower case. */
export interface ProxyHeaders {
  readonly client: string
  readonly tier?: string
  /** The header of each label. */
  readonly labels?: Readonly<Record<string, string>>
}

/** The pages of other origins that may call the API. `*` allows everything. */
export interface CorsConfig {
  /** Compared exactly. */
  readonly origins: readonly string[] | '*'
  readonly methods: readonly string[] | '*'
  /** Names of request headers. */
  readonly headers: readonly string[] | '*'
  /** True if pages may send cookies and client certificates. */
  readonly credentials: boolean
  /** The time for which browsers keep the answer to a preflight. */
  readonly maxAgeSeconds: number
}

/** The growth of limits after a model becomes ready. */
export interface WarmUpConfig {
  /** The URL that responds with 2xx once the model is ready. */
  readonly ready: string
  /** The initial fraction of the limits: more than 0 and at most 1. */
  readonly from: number
  /** The duration until the full limits apply. */
  readonly over: number
  /** The number of steps in which the limits grow. */
  readonly steps?: number
}

/** Bounds across all processes. Missing bounds are derived from the resources of a process. */
export interface ServerConfig {
  readonly maxConnections?: number
  /** Maximum memory for request bodies that rules read, in bytes. */
  readonly maxBodyMemory?: number
}

export interface TimeoutConfig {
  /** Time to connect to the upstream. */
  readonly connect: number
  /** Time until the upstream sends the response headers. */
  readonly headers: number
  /** Time between two chunks of a response, both from the upstream and to the client. */
  readonly idle: number
  /** Time until the first byte of a request body that the gateway reads. */
  readonly bodyStart: number
  /** Time until the client has sent the whole request. */
  readonly request: number
  /** Time for which a stopping gateway still accepts connections; 0 to close the port at once. */
  readonly drain: number
  /** Time for requests in flight to finish, once a stopping gateway has closed its port. */
  readonly shutdown: number
}

/** Where clients look up what they have used and have left. */
export interface UsageConfig {
  /** One path, for every method. */
  readonly pattern: RoutePattern
  /** The models for which rules that count by model are listed. */
  readonly models: readonly string[]
}

/** The rules and settings that apply to the requests of a route, or of `default`. */
export interface PolicyConfig {
  /** The `name` of a route or else the first entry of its `match` as written, or `default`. */
  readonly name: string
  /** Empty if the route is not limited. */
  readonly rules: readonly Rule<GatewayRequest>[]
  /** Indices of the rules whose usage every client sees, although others share it. */
  readonly visible?: readonly number[]
  /** Addresses and networks of clients that the rules do not apply to. */
  readonly allow?: readonly string[]
  /** True if an expression of a rule or of `require` reads the body. */
  readonly readsBody: boolean
  /**
   * Maximum size of a body that rules can read, in bytes, if it differs from the file's `maxBody`.
   */
  readonly maxBody?: number
  readonly require?: ((request: GatewayRequest) => boolean) & {
    readonly readsBody?: boolean
    readonly readsModel?: boolean
    readonly labels?: readonly string[]
  }
  readonly refuseWith?: Refusing
  /** The name of the upstream, or the expression that chooses it. Default: the file's `upstream`. */
  readonly upstream?: string | ChooseUpstream
  readonly warmUp?: WarmUpConfig
  /** How model calls are metered. */
  readonly llm?: LlmRouteOptions
  /** How the model of a call is read, if a rule or `models` needs it. */
  readonly models?: ModelAccess
  /** Set if the route lists models, and clients may use only some of them or use them by other names. */
  readonly modelList?: ModelList
  readonly mirror?: MirrorName
  /**
   * The API whose error format is added to the gateway's own answers; `auto` if it depends on the
   * path of the request.
   */
  readonly errorShape?: ErrorShape | 'auto'
  /** The wait above which SDKs are told not to retry. Default: a minute. */
  readonly maxRetryWaitMs?: number
  /** Replacements of the gateway's own answers, which take precedence over those of the file. */
  readonly answers?: AnswerTemplates
  /** True to refuse requests to vendors' APIs, which a limit on money of all routes cannot charge. */
  readonly refusesUnpriced?: boolean
  /** The pages that may call this route. Default: those of the file. */
  readonly cors?: CorsConfig | 'off' | undefined
  /** How requests are handled if an expression fails. Default: `reject`. */
  readonly onUnreadable?: OnUnreadable | undefined
  /** The media types whose bodies rules can read. Default: JSON only. */
  readonly bodyTypes?: BodyTypes | undefined
}

export interface RouteConfig extends PolicyConfig {
  /** The first pattern of `match`. */
  readonly pattern: RoutePattern
  /** The other patterns. Their requests have the same limits and counts. */
  readonly otherPatterns?: readonly OtherPattern[]
}

export interface OtherPattern {
  readonly pattern: RoutePattern
  /** The API of its path, if its route reads model calls. All other options are those of the route. */
  readonly shape?: LlmRouteOptions['shape']
  /** Set if its path lists models. */
  readonly modelList?: ModelList
}

/** Lists the patterns of a route. */
export function patternsOf({
  pattern,
  otherPatterns = [],
}: Pick<RouteConfig, 'pattern' | 'otherPatterns'>): readonly RoutePattern[] {
  return [pattern, ...otherPatterns.map((other) => other.pattern)]
}

/** The policies of a configuration. */
export type ConfigPolicies = Pick<GatewayConfig, 'routes' | 'fallback'>

/**
 * Lists the policies of all routes, then the policy for unmatched requests unless they are denied.
 */
export function policiesOf({ routes, fallback }: ConfigPolicies): readonly PolicyConfig[] {
  return fallback === 'deny' ? routes : [...routes, fallback]
}

/** How a request is handled if an expression cannot read its body, query or headers. */
export type OnUnreadable = 'reject' | 'pass'
