export { redisStore } from '../../../../src/stores/redis/index.js'
