import { createLimiter, memoryStore } from 'sluice'

const store = memoryStore({ maxKeys: 100_000 })
export const predictions = createLimiter({ name: 'predictions', store, rules: [{ limit: '10/minute' }] })
export const batches = createLimiter({ name: 'batches', store, rules: [{ limit: '2/minute' }] })
