import { limit } from 'sluice/fastify'

export const tenAMinute = limit({
  rules: [{ limit: '10/minute', algorithm: 'fixed-window', by: ['ip', 'route'] }],
  trustedProxies: ['10.0.0.0/8'],
})
