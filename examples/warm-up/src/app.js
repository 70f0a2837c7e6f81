import { memoryStore } from 'sluice';
import { limit } from 'sluice/fastify';
import { answers, featuresOf, heavyModel, prediction, predictionApp, row, } from 'sluice-example-prediction-app';
/** Fifty predictions a minute, of which only a part is there while the model warms up. */
export async function warmUpApp(warmUp, store = memoryStore()) {
    const app = await predictionApp({
        title: 'Warm-up',
        description: 'Ten predictions a minute while the model warms up, and then fifty.',
    });
    const spared = limit({
        store,
        warmUp,
        rules: [{ limit: '50/minute', algorithm: 'fixed-window', by: 'ip' }],
    });
    app.post('/predict', { onRequest: spared, schema: { body: row, response: answers(prediction) } }, async ({ body }) => heavyModel(featuresOf(body)));
    app.get('/model-info', async () => ({ ready: warmUp.isReady, scale: warmUp.scale }));
    return app;
}
