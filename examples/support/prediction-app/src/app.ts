import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import fastify, { type FastifyError } from 'fastify'
import { unprocessable } from './unprocessable.js'

export interface AppInfo {
  readonly title: string
  readonly description: string
}

/** A Fastify app whose handlers know the types of their bodies. */
export type PredictionApp = Awaited<ReturnType<typeof predictionApp>>

/**
 * Creates an app without routes. The OpenAPI page is at `/docs` and the document at
 * `/openapi.json`. A body that does not match its schema gets 422 with the invalid fields.
 */
export async function predictionApp({ title, description }: AppInfo) {
  const app = fastify({
    // Strict: strings are not converted to numbers, and unknown properties are errors.
    ajv: { customOptions: { coerceTypes: false, removeAdditional: false } },
  }).withTypeProvider<TypeBoxTypeProvider>()
  app.setErrorHandler<FastifyError>((error, _request, reply) => {
    const { validation, statusCode = 500 } = error
    if (validation !== undefined) return reply.code(422).send(unprocessable(validation))
    if (statusCode < 500) return reply.code(statusCode).send({ detail: error.message })
    console.error(error)
    return reply.code(500).send({ detail: 'internal server error' })
  })
  app.addHook('preSerialization', async ({ body }, _reply, payload) => {
    const version = isRecord(body) ? body.model_version : undefined
    return version !== undefined && isRecord(payload) ? { ...payload, model_version: version } : payload
  })
  await app.register(swagger, { openapi: { info: { title, description, version: '0.1.0' } } })
  await app.register(swaggerUi, { routePrefix: '/docs' })
  app.get('/openapi.json', { schema: { hide: true } }, async () => app.swagger())
  return app
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
