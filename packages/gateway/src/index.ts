export type { Endpoint, GatewayConfig, PolicyConfig, RouteConfig, TimeoutConfig } from './config/config.js'
export { type Gateway, startGateway } from './gateway.js'
export { createLog, type Log } from './log.js'
