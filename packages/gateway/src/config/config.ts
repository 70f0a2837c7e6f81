import type { Rule } from 'sluice'
import type { GatewayRequest } from '../policy/gateway-request.js'
import type { RoutePattern } from '../routing/pattern.js'

/** A configuration file, read, checked and compiled. All times are milliseconds. */
export interface GatewayConfig {
  readonly listen: Endpoint
  /** Undefined where the file names no admin port. */
  readonly admin: Endpoint | undefined
  /** URL of the server that requests are forwarded to. */
  readonly upstream: string
  readonly store: StoreConfig
  readonly identity: IdentityConfig
  /** The most that is read of a body that a rule reads, in bytes. */
  readonly maxBody: number
  readonly timeouts: TimeoutConfig
  /** In the order of the file: the first that matches a request decides on it. */
  readonly routes: readonly RouteConfig[]
  /** What requests meet that match no route; `deny` answers 404. */
  readonly fallback: PolicyConfig | 'deny'
}

/** Where a server listens. Port 0 takes a free one. */
export interface Endpoint {
  readonly host: string
  readonly port: number
}

export interface StoreConfig {
  readonly kind: 'memory'
  readonly maxKeys: number
}

export interface IdentityConfig {
  readonly trustedProxies: readonly string[]
  readonly ipv6Subnet: number
}

export interface TimeoutConfig {
  /** For the connection to the upstream. */
  readonly connect: number
  /** For the head of the upstream's answer. */
  readonly headers: number
  /** Between the bytes of an answer, in both directions. */
  readonly idle: number
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
  /** Whether a rule reads the body. */
  readonly readsBody: boolean
}

export interface RouteConfig extends PolicyConfig {
  readonly pattern: RoutePattern
}
