import { limit } from 'sluice/express'

export const predictLimit = limit({
  rules: [{ limit: '10/minute' }],
  trustedProxies: ['10.0.0.0/8'],
})
