import { describeAdapter } from './conformance.js'
import { express4Framework, express5Framework } from './frameworks/express.js'
import {
  fastifyOnRequestFramework,
  fastifyPluginFramework,
  fastifyPreHandlerFramework,
} from './frameworks/fastify.js'
import { fetchFramework } from './frameworks/fetch.js'
import { honoFramework } from './frameworks/hono.js'
import { koaFramework } from './frameworks/koa.js'
import { nestOnExpress, nestOnFastify } from './frameworks/nest.js'

describeAdapter('Express 4', express4Framework)
describeAdapter('Express 5', express5Framework)
describeAdapter('Fastify, as preHandler', fastifyPreHandlerFramework)
describeAdapter('Fastify, as onRequest', fastifyOnRequestFramework)
describeAdapter('Fastify, as plugin', fastifyPluginFramework)
describeAdapter('Koa', koaFramework)
describeAdapter('Hono', honoFramework)
describeAdapter('NestJS on Express', nestOnExpress)
describeAdapter('NestJS on Fastify', nestOnFastify)
describeAdapter('fetch', fetchFramework)
