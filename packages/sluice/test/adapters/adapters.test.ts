import { describeAdapter } from './conformance.js'
import { onExpress4, onExpress5 } from './frameworks/express.js'
import { onFastifyPreHandler, onFastifyRequest } from './frameworks/fastify.js'
import { onFetch } from './frameworks/fetch.js'
import { onHono } from './frameworks/hono.js'
import { onKoa } from './frameworks/koa.js'
import { onNestExpress, onNestFastify } from './frameworks/nest.js'

describeAdapter('Express 4', onExpress4)
describeAdapter('Express 5', onExpress5)
describeAdapter('Fastify, as preHandler', onFastifyPreHandler)
describeAdapter('Fastify, as onRequest', onFastifyRequest)
describeAdapter('Koa', onKoa)
describeAdapter('Hono', onHono)
describeAdapter('NestJS on Express', onNestExpress)
describeAdapter('NestJS on Fastify', onNestFastify)
describeAdapter('fetch', onFetch)
