import type { FailurePolicyName, Refusing, Rule } from 'sluice'
import type { JwtOptions } from 'sluice/jwt'
import type { BodyTypes } from '../body/body-format.js'
import type { LlmOptions } from '../llm/llm-call.js'
import type { MirrorName } from '../llm/vendor-headers.js'
import type { GatewayRequest } from '../policy-request.js'
import type { RoutePattern } from '../routing/route-pattern.js'
import type { ConfigProblem } from './yaml/diagnostics.js'

/** A configuration file, read, checked and compiled. All times are milliseconds. */
export interface GatewayConfig {
  /** The text that it was read from. */
  readonly source: ConfigSource
  /** What works but should be known to an operator, in the order of the file; absent where there is nothing. */
  readonly warnings?: readonly ConfigProblem[]
  readonly listen: Endpoint
  /** How many processes take requests. */
  readonly workers: number
  /** Undefined where the file names no admin port. */
  readonly admin: AdminConfig | undefined
  /** URL of the server that requests are forwarded to. */
  readonly upstream: string
  readonly store: StoreConfig
  readonly onStoreFailure: StoreFailureConfig
  readonly identity: IdentityConfig
  /** How many times the limits a client of a tier has. */
  readonly tiers: Readonly<Record<string, number | 'unlimited'>>
  /** The most that is read of a body that a rule reads, in bytes. */
  readonly maxBody: number
  /** Whether a request that is not idempotent is sent once more where it meets a closing connection to the upstream. */
  readonly retriesPost: boolean
  readonly server: ServerConfig
  readonly timeouts: TimeoutConfig
  readonly log: LogConfig
  /** Where traffic is recorded to; undefined where it is not. */
  readonly record: RecordConfig | undefined
  /** In the order of the file: the first that matches a request decides on it. */
  readonly routes: readonly RouteConfig[]
  /** What requests meet that match no route; `deny` answers 404. */
  readonly fallback: PolicyConfig | 'deny'
}

export interface ConfigSource {
  /** The file's name. */
  readonly file: string
  readonly text: string
}

/** The file that traffic is recorded to, and those that it was recorded to before: `FILE.1`, `FILE.2` and so on. */
export interface RecordConfig {
  readonly file: string
  /** Of each file, in bytes. */
  readonly maxSize: number
  /** How many files there are at most. */
  readonly files: number
}

/** Where a server listens. Port 0 takes a free one. */
export interface Endpoint {
  readonly host: string
  readonly port: number
}

/** Where those who run the gateway look. */
export interface AdminConfig extends Endpoint {
  /** Names of hosts, in lower case, under which it is asked through a proxy before it. Who asks so needs the token. */
  readonly names?: readonly string[]
  /** SHA-256 of the token, in hex. Where there is none, none is wanted, and nothing can be changed. */
  readonly tokenHash?: string
  /** The file that keeps what was changed from the dashboard, and what somebody tried to. */
  readonly audit?: string
}

export const CLIENT_NAMINGS = ['plain', 'masked', 'hashed'] as const

export interface LogConfig {
  /** Whether requests that are refused are logged. */
  readonly refusals: boolean
  /** How clients are called there. */
  readonly clients: (typeof CLIENT_NAMINGS)[number]
}

export type StoreConfig =
  | { readonly kind: 'memory'; readonly maxKeys: number }
  /** The URL may hold a password, and is shown to nobody. */
  | { readonly kind: 'redis' | 'memcached'; readonly url: string }

/** What decides while the store does not answer. What is left out is the library's default. */
export interface StoreFailureConfig {
  readonly policy: FailurePolicyName
  /** How many gateways share the store. */
  readonly peers?: number
  /** Most keys that are kept in memory while the store is away. */
  readonly maxKeys?: number
  /** How long the store may take for an answer. */
  readonly deadline?: number
  /** So many failures one after the other count as the loss of the store. */
  readonly failures?: number
  /** Most settlements that wait for the store to come back. */
  readonly maxWaiting?: number
}

export interface IdentityConfig {
  readonly trustedProxies: readonly string[]
  readonly ipv6Subnet: number
  /** The file of API keys. */
  readonly apiKeys?: string
  /** Headers that hold an API key beside `X-API-Key`, in lower case. */
  readonly apiKeyHeaders?: readonly string[]
  readonly jwt?: Omit<JwtOptions, 'jwks'> & { readonly jwks: string }
  /** Headers in which a trusted proxy says who the client is. */
  readonly proxyHeaders?: ProxyHeaders
  /** `false`: keys and tokens that are for the gateway stay there. */
  readonly forwardCredentials?: false
  /** Headers that tell the upstream who the client is. */
  readonly forward?: ForwardedIdentity
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
}

/** Limits that grow once a model is ready. */
export interface WarmUpConfig {
  /** The URL that answers 2xx where the model is ready. */
  readonly ready: string
  readonly from: number
  readonly over: number
  readonly steps?: number
}

/** What the gateway holds at most, over all its processes. What is left out is derived from what a process can hold. */
export interface ServerConfig {
  readonly maxConnections?: number
  /** Of the request bodies that rules read, in bytes. */
  readonly maxBodyMemory?: number
}

export interface TimeoutConfig {
  /** For the connection to the upstream. */
  readonly connect: number
  /** For the head of the upstream's answer. */
  readonly headers: number
  /** Between the bytes of an answer, in both directions. */
  readonly idle: number
  /** For the first byte of a body to come after its head, where the gateway waits for it. */
  readonly bodyStart: number
  /** For a client to send its whole request. */
  readonly request: number
  /** For what is in flight when the gateway is told to stop. */
  readonly shutdown: number
}

/** What the requests of a route meet. */
export interface PolicyConfig {
  /** The `match` of a route as it was written, or `default`. */
  readonly name: string
  /** Empty where the route is not limited. */
  readonly rules: readonly Rule<GatewayRequest>[]
  /** Whether an expression, of a rule or of what is required, reads the body. */
  readonly readsBody: boolean
  /** The most that is read of a body, in bytes, where that is not the file's `maxBody`. */
  readonly maxBody?: number
  readonly require?: ((request: GatewayRequest) => boolean) & { readonly readsBody?: boolean }
  readonly refuseWith?: Refusing
  readonly warmUp?: WarmUpConfig
  /** How calls of a model are read. */
  readonly llm?: LlmOptions
  readonly mirror?: MirrorName
  /** What becomes of requests that expressions cannot be worked out for. Default: they are rejected. */
  readonly onUnreadable?: OnUnreadable | undefined
  /** The media types of which rules read bodies. Default: JSON alone. */
  readonly bodyTypes?: BodyTypes | undefined
}

export interface RouteConfig extends PolicyConfig {
  readonly pattern: RoutePattern
}

/** Lists the policies of all routes, then the one of unmatched requests unless those are denied. */
export function policiesOf({
  routes,
  fallback,
}: Pick<GatewayConfig, 'routes' | 'fallback'>): readonly PolicyConfig[] {
  return fallback === 'deny' ? routes : [...routes, fallback]
}

/** What happens to a request whose body, query or headers an expression cannot read. */
export type OnUnreadable = 'reject' | 'pass'
