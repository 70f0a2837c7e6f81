import { batchSize } from 'sluice'
import { limit } from 'sluice/fastify'

export const heavy = limit('10/minute')
export const rows = limit({ rules: [{ limit: '100/minute', of: 'rows', cost: batchSize('/data') }] })
