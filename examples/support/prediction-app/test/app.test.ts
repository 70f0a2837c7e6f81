import { describe, expect, it } from 'vitest'
import { answers, featuresOf, lightweightModel, prediction, predictionApp, row, rows } from '../src/index.js'

async function twoRoutes() {
  const app = await predictionApp({ title: 'Two routes', description: 'For a test' })
  app.post('/one', { schema: { body: row, response: answers(prediction) } }, async ({ body }) =>
    lightweightModel(featuresOf(body)),
  )
  app.post('/many', { schema: { body: rows } }, async ({ body }) => body.map(({ features }) => features[0]))
  return app
}

describe('the OpenAPI page', () => {
  it('is served, with a document that describes the bodies', async () => {
    await using app = await twoRoutes()
    const page = await app.inject('/docs')
    expect([page.statusCode, page.headers['content-type']]).toEqual([200, 'text/html; charset=utf-8'])
    const document = (await app.inject('/openapi.json')).json()
    expect(document.info.title).toBe('Two routes')
    expect(Object.keys(document.paths)).toEqual(['/one', '/many'])
    const { schema } = document.paths['/many'].post.requestBody.content['application/json']
    expect(schema.items.required).toEqual(['features'])
  })
})

describe('the body of a request', () => {
  it.each([
    { features: [1, 2, 3], model_version: 'v2' },
    { data: [1, 2, 3], parameters: {} },
    { data: [1, 2, 3, 4, 5], parameters: { threshold: 0.5 }, model_version: 'v2' },
    { features: [1] },
    { features: Array.from({ length: 1000 }, (_, index) => index) },
  ])(
    'may have 1 to 1,000 features and optional fields, and the response repeats model_version',
    async (payload) => {
      await using app = await twoRoutes()
      const answer = await app.inject({ method: 'POST', url: '/one', payload })
      expect(answer.statusCode).toBe(200)
      expect(answer.json().model_version).toBe('model_version' in payload ? payload.model_version : undefined)
    },
  )

  it('may name its features "features" or "data"', async () => {
    await using app = await twoRoutes()
    const predict = async (payload: object) =>
      (await app.inject({ method: 'POST', url: '/one', payload })).json()
    expect(await predict({ features: [1, 2, 3] })).toEqual(await predict({ data: [1, 2, 3] }))
    expect(await predict({ features: [1, 2, 3] })).not.toEqual(await predict({ features: [3, 2, 1] }))
  })

  it.each([
    [
      '/one',
      '{}',
      [
        ['body', 'features'],
        ['body', 'data'],
      ],
    ],
    ['/one', '{"features":[]}', [['body', 'features']]],
    ['/one', '{"features":[1,2,3],"model_version":2}', [['body', 'model_version']]],
    ['/one', '{"features":[1,2,"3"]}', [['body', 'features', 2]]],
    ['/one', '{"features":[1,2,1e999]}', [['body', 'features', 2]]],
    ['/many', '[]', [['body']]],
    ['/many', '[{"features":[1,2,3]},{"data":[1,2,3]}]', [['body', 1, 'features']]],
    ['/many', '[{"features":[1,2,3]},{"features":null}]', [['body', 1, 'features']]],
    ['/many', '[{"features":[1,2,3],"extra":1}]', [['body', 0, 'extra']]],
  ])('is rejected with 422 and its invalid fields: %s %s', async (url, payload, fields) => {
    await using app = await twoRoutes()
    const answer = await app.inject({
      method: 'POST',
      url,
      payload,
      headers: { 'content-type': 'application/json' },
    })
    expect(answer.statusCode).toBe(422)
    expect(answer.json().detail.map(({ loc }: { loc: unknown }) => loc)).toEqual(fields)
  })

  it('is rejected with 400 if it is not JSON', async () => {
    await using app = await twoRoutes()
    const headers = { 'content-type': 'application/json' }
    expect((await app.inject({ method: 'POST', url: '/one', payload: '{', headers })).statusCode).toBe(400)
  })
})
