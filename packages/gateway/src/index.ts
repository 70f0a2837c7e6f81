export type {
  Endpoint,
  GatewayConfig,
  PolicyConfig,
  RouteConfig,
  TimeoutConfig,
} from './policy/config/config.js'
export { type Gateway, startGateway } from './server/gateway.js'
export { createLog, type Log } from './server/logging/log.js'
