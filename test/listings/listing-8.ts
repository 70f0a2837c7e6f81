import { createWarmUp } from 'sluice'
import { limit } from 'sluice/fastify'

const warmUp = createWarmUp({ from: 0.2, over: '60s', steps: 1 })
export const spared = limit({ rules: [{ limit: '50/minute' }], warmUp })
warmUp.ready() // when the model has been loaded
