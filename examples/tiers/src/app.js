import { memoryStore } from 'sluice';
import { limit } from 'sluice/fastify';
import { identity, keyTable } from 'sluice/identity';
import { answers, featuresOf, lightweightModel, prediction, predictionApp, row, } from 'sluice-example-prediction-app';
/** Twenty predictions a minute for everybody, and five times as many for each client with a premium key. */
export async function tiersApp(keys, store = memoryStore()) {
    const app = await predictionApp({
        title: 'Tiers',
        description: 'Twenty predictions a minute, and a hundred for who sends a premium key as X-API-Key.',
    });
    const byTier = limit({
        store,
        // Who shows no key is counted by its address; a key that is not known is refused with 401.
        identify: identity({ apiKeys: keyTable(keys) }),
        tiers: { free: 1, premium: 5 },
        rules: [{ limit: '20/minute', algorithm: 'fixed-window', by: 'client' }],
    });
    app.post('/predict', { onRequest: byTier, schema: { body: row, response: answers(prediction) } }, async ({ body }) => lightweightModel(featuresOf(body)));
    return app;
}
