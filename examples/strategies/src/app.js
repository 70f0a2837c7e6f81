import { memoryStore } from 'sluice';
import { identity, keyTable } from 'sluice/identity';
import { heavyModel, predictionApp } from 'sluice-example-prediction-app';
import { algorithmRoutes } from './algorithms.js';
import { keyRoutes } from './keys.js';
import { ownAnswerRoutes } from './own-answer.js';
import { premiumRoutes } from './premium.js';
/** One route for each way to limit. */
export async function strategiesApp(options) {
    const { keys, store = memoryStore(), model = heavyModel } = options;
    const app = await predictionApp({
        title: 'Strategies',
        description: 'Limit strings, keys of your own, every algorithm, an answer of your own, a route for one tier.',
    });
    const shared = { store, identify: identity({ apiKeys: keyTable(keys) }), model };
    for (const routes of [keyRoutes, algorithmRoutes, ownAnswerRoutes, premiumRoutes])
        routes(app, shared);
    return app;
}
