import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Features } from '../src/classifier/rule.js'
import { startModelServer } from '../src/server.js'
import { quickModels, serve, type TestServer } from './serving.js'

const models = quickModels()
const rows: Features[] = [
  [1, 2, 3],
  [-4, 0.5, 0],
  [3, -5, 1e300],
]
const many = (count: number, row: unknown = [1, 2, 3]) => Array.from({ length: count }, () => row)

let serving: TestServer
beforeAll(async () => {
  serving = await serve({ models })
})
afterAll(() => serving[Symbol.asyncDispose]())

describe('the model server', () => {
  it.each([
    ['/predict', 'lightweight', 'features'],
    ['/predict', 'lightweight', 'data'],
    ['/premium/predict', 'lightweight', 'features'],
    ['/premium/predict', 'lightweight', 'data'],
    ['/models/lightweight/predict', 'lightweight', 'data'],
    ['/models/heavy/predict', 'heavy', 'data'],
    ['/predict?debug=1', 'lightweight', 'features'],
  ] as const)(
    'responds to POST %s with the prediction of the %s model for "%s"',
    async (path, name, field) => {
      for (const row of rows) {
        const expected = { model: name, ...models[name].predict(row) }
        expect(await serving.postJson(path, { [field]: row })).toEqual({ status: 200, body: expected })
      }
    },
  )

  it.each([
    ['/batch-predict', 'lightweight', { data: rows }],
    ['/predict/batch', 'lightweight', rows.map((row, index) => ({ [index ? 'data' : 'features']: row }))],
    ['/models/batch-process', 'heavy', rows],
  ] as const)('responds to POST %s with predictions in the order of the rows', async (path, name, body) => {
    const predictions = rows.map((row) => models[name].predict(row))
    expect(await serving.postJson(path, body)).toEqual({
      status: 200,
      body: { model: name, count: 3, predictions },
    })
  })

  it('folds rows of other lengths into the three inputs', async () => {
    const folded = { status: 200, body: { model: 'lightweight', ...models.lightweight.predict([5, 2, 3]) } }
    expect(await serving.postJson('/predict', { features: [1, 2, 3, 4] })).toEqual(folded)
    expect((await serving.postJson('/predict', { features: [1] })).status).toBe(200)
    expect(
      (
        await serving.postJson('/batch-predict', {
          data: [
            [1, 2],
            [1, 2, 3, 4, 5],
          ],
        })
      ).status,
    ).toBe(200)
  })

  it('returns the requested model_version and accepts parameters', async () => {
    const one = { features: [1, 2, 3], model_version: 'v2' }
    expect((await serving.postJson('/predict', one)).body).toMatchObject({ model_version: 'v2' })
    const batch = { data: [[1, 2, 3]], parameters: { threshold: 0.5 }, model_version: 'v2' }
    expect((await serving.postJson('/batch-predict', batch)).body).toMatchObject({
      model_version: 'v2',
      count: 1,
    })
    expect((await serving.postJson('/predict', { features: [1, 2, 3] })).body).not.toHaveProperty(
      'model_version',
    )
  })

  it('predicts a thousand rows without blocking other requests', async () => {
    const [batch, small] = await Promise.all([
      serving.postJson('/models/batch-process', many(1000)),
      serving.postJson('/predict', { features: [1, 2, 3] }),
    ])
    expect(batch).toMatchObject({ status: 200, body: { count: 1000 } })
    expect(small.status).toBe(200)
  })
})

describe('an invalid body', () => {
  const both = { features: [1, 2, 3], data: [1, 2, 3] }
  it.each([
    ['/predict', ['body'], 'should be an object', [1, 2, 3]],
    ['/predict', ['body'], 'should be an object', null],
    ['/predict', ['body', 'features'], 'is missing', {}],
    ['/predict', ['body'], 'either "features" or "data", not both', both],
    ['/predict', ['body', 'features'], 'list of numbers', { features: 'x' }],
    ['/predict', ['body', 'features'], 'has 0 entries', { features: [] }],
    ['/predict', ['body', 'data'], 'has 1001 entries', { data: Array(1001).fill(1) }],
    ['/predict', ['body', 'model_version'], 'should be a string', { features: [1], model_version: 2 }],
    ['/predict', ['body', 'features', 1], 'should be a number', { features: [1, '2', 3] }],
    ['/predict', ['body', 'features', 2], 'should be a number', { features: [1, 2, null] }],
    ['/predict', ['body', 'features', 2], 'finite', '{"features":[1,2,1e999]}'],
    ['/predict', ['body'], 'is not JSON', '{"features":[1,2,NaN]}'],
    ['/premium/predict', ['body'], 'is not JSON', ''],
    ['/models/heavy/predict', ['body', 'data', 0], 'should be a number', { data: [true, 2, 3] }],
    ['/batch-predict', ['body'], 'should be an object', [[1, 2, 3]]],
    ['/batch-predict', ['body', 'data'], 'is missing', { features: [[1, 2, 3]] }],
    ['/batch-predict', ['body', 'data', 1], 'list of numbers', { data: [[1, 2, 3], 7] }],
    ['/batch-predict', ['body', 'data'], 'at least one', { data: [] }],
    ['/batch-predict', ['body', 'data'], '1001 rows; at most 1000', { data: many(1001) }],
    ['/predict/batch', ['body'], 'should be a list', { data: [] }],
    ['/predict/batch', ['body', 1], 'both', [{ features: [1, 2, 3] }, both]],
    ['/predict/batch', ['body'], '1001 rows', many(1001, { features: [1, 2, 3] })],
    [
      '/models/batch-process',
      ['body', 1, 2],
      'should be a number',
      [
        [1, 2, 3],
        [1, 2, {}],
      ],
    ],
  ])('of POST %s is rejected with 422 at %j: %s', async (path, loc, words, body) => {
    const { status, body: answer } = await serving.postJson(path, body)
    expect(status).toBe(422)
    expect(answer).toEqual({ detail: [{ loc, msg: expect.stringContaining(words) }] })
  })

  it('is rejected with up to twenty problems in one response', async () => {
    const { body: two } = await serving.postJson('/predict', { features: ['a', 2, 'b'] })
    expect(two).toMatchObject({
      detail: [{ loc: ['body', 'features', 0] }, { loc: ['body', 'features', 2] }],
    })
    const { body: all } = await serving.postJson('/models/batch-process', many(1000, ['a', 'b', 'c']))
    expect((all as { detail: unknown[] }).detail).toHaveLength(20)
  })

  it('is rejected with 422 if it is not UTF-8, and with 415 if it is compressed', async () => {
    const post = (body: Uint8Array<ArrayBuffer>, headers: Record<string, string> = {}) =>
      fetch(`${serving.url}/predict`, { method: 'POST', body, headers })
    expect((await post(Uint8Array.of(0x22, 0xff, 0x22))).status).toBe(422)
    expect((await post(Uint8Array.of(1), { 'content-encoding': 'gzip' })).status).toBe(415)
  })

  it('is rejected with 413 over 1 MiB, with or without a Content-Length', async () => {
    const sized = (bytes: number) => `{"features":[1,2,3]}`.padEnd(bytes)
    expect((await serving.post('/predict', sized(1024 * 1024))).status).toBe(200)
    expect((await serving.post('/predict', sized(1024 * 1024 + 1))).status).toBe(413)
    const chunked = await fetch(`${serving.url}/predict`, {
      method: 'POST',
      body: new Blob([sized(1024 * 1024 + 1)]).stream(),
      duplex: 'half',
    } as RequestInit)
    expect(chunked.status).toBe(413)
    expect(await chunked.json()).toEqual({ detail: expect.stringContaining('1048576 bytes') })
  })
})

describe('a request to the model server', () => {
  it.each(['/', '/predict/', '/models/unknown/predict', '/PREDICT', '//predict'])(
    'gets a 404 for the unknown path %s',
    async (path) => {
      const { status, body } = await serving.postJson(path, {})
      expect([status, body]).toEqual([404, { detail: `no route matches ${path}` }])
    },
  )

  it.each([
    ['GET', '/predict', 'POST'],
    ['PUT', '/v1/chat/completions', 'POST'],
    ['POST', '/model-info', 'GET, HEAD'],
    ['DELETE', '/healthz', 'GET, HEAD'],
  ])('gets a 405 and the allowed method for %s %s', async (method, path, allow) => {
    const answer = await fetch(`${serving.url}${path}`, { method })
    expect([answer.status, answer.headers.get('allow')]).toEqual([405, allow])
  })
})

describe('GET /model-info', () => {
  it('describes the models', async () => {
    const answer = await fetch(`${serving.url}/model-info`)
    expect(answer.status).toBe(200)
    expect(await answer.json()).toMatchObject({
      classifiers: {
        lightweight: {
          layers: [3, 16, 3],
          parameters: 115,
          held_out_accuracy: models.lightweight.heldOutAccuracy,
        },
        heavy: { multiplications_per_prediction: 17152, training_accuracy: models.heavy.trainingAccuracy },
      },
      data: { rule: expect.stringContaining('sin'), labels: ['low', 'medium', 'high'], seed: 20261124 },
      language_model: { vocabulary: models.language.tokenizer.size },
    })
  })

  it('responds to HEAD without a body', async () => {
    const answer = await fetch(`${serving.url}/model-info`, { method: 'HEAD' })
    expect([answer.status, await answer.text()]).toEqual([200, ''])
  })
})

describe('startModelServer', () => {
  it('fails with EADDRINUSE if the port is in use', async () => {
    await using taken = await serve({ models })
    await expect(startModelServer({ port: taken.server.port, models })).rejects.toMatchObject({
      code: 'EADDRINUSE',
    })
  })
})
