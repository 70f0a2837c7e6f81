import { expect, it } from 'vitest'
import { DEFAULT_PLAN, QUICK_PLAN } from '../src/models.js'
import { serve, until } from './serving.js'

/** A plan that takes longer than any test. */
const ENDLESS = { ...DEFAULT_PLAN, heavy: { ...DEFAULT_PLAN.heavy, epochs: 1_000_000 } }

it('the model server responds with 503 during training, and reports the progress at /healthz', async () => {
  let slices = 0
  const serving = await serve({ plan: ENDLESS, onProgress: () => slices++ })
  const health = async () => {
    const answer = await fetch(`${serving.url}/healthz`)
    expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '1'])
    return (await answer.json()) as { status: string; progress: number }
  }
  try {
    await until(async () => (await health()).progress > 0)
    const { status, progress } = await health()
    expect(status).toBe('training')
    expect(progress).toBeLessThan(1)
    for (const path of ['/predict', '/models/batch-process', '/v1/chat/completions']) {
      const answer = await serving.post(path, {})
      expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '1'])
    }
    expect((await fetch(`${serving.url}/model-info`)).status).toBe(503)
    expect((await serving.post('/nowhere', {})).status).toBe(404)
    // The training continues between the responses.
    const before = slices
    await until(() => slices > before)
    expect(serving.server.models).toBeUndefined()
  } finally {
    await serving.server.close()
  }
  await expect(serving.server.ready).rejects.toThrow('closed before its models were trained')
})

it('the model server responds with 200 once its models are trained', async () => {
  await using serving = await serve({ plan: QUICK_PLAN })
  await serving.server.ready
  const answer = await fetch(`${serving.url}/healthz`)
  expect(answer.status).toBe(200)
  expect(await answer.json()).toEqual({
    status: 'ready',
    generations: { running: 0, waiting: 0, abandoned: 0, tokens: 0 },
  })
  expect((await serving.post('/predict', { features: [1, 2, 3] })).status).toBe(200)
})
