import { batchSize, bodyBytes, modelWeight, pixels } from 'sluice'
import { limit } from 'sluice/fastify'

export const limits = limit({
  rules: [
    { name: 'rows', limit: '500/minute', of: 'rows', cost: batchSize('/data') },
    { name: 'models', limit: '100/minute', cost: modelWeight('/model', { light: 1, heavy: 10 }), fallbackCost: 10 },
    { name: 'bytes', limit: '10M/minute', of: 'bytes', cost: bodyBytes() },
    { name: 'images', limit: '100M/minute', of: 'pixels', cost: pixels('/width', '/height'), enforce: false },
  ],
})
