import { limit } from 'sluice/fastify';
import { answers, featuresOf, prediction, row } from 'sluice-example-prediction-app';
const RULES = {
    /** Never more than five and what flows in since, in any stretch of time. */
    'token-bucket': { limit: '5/minute', algorithm: 'token-bucket' },
    /** Five, and then wait for the minute to end. */
    'fixed-window': { limit: '5/minute', algorithm: 'fixed-window' },
    /** About five a minute, by an estimate from two counters. */
    'sliding-window': { limit: '5/minute', algorithm: 'sliding-window' },
    /** Five in every trailing minute, exactly. */
    'sliding-log': { limit: '5/minute', algorithm: 'sliding-log' },
    /** Five at once. */
    concurrency: { concurrent: 5 },
};
/** `POST /algorithms/NAME/predict` for each algorithm: five predictions of whatever it counts. */
export function algorithmRoutes(app, { store, model }) {
    for (const [algorithm, rule] of Object.entries(RULES)) {
        app.post(`/algorithms/${algorithm}/predict`, {
            onRequest: limit({ store, name: algorithm, rules: [rule] }),
            schema: { body: row, response: answers(prediction) },
        }, async ({ body }) => model(featuresOf(body)));
    }
}
