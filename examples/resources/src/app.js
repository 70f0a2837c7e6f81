import { batchSize, memoryStore } from 'sluice';
import { limit } from 'sluice/fastify';
import { answers, featuresOf, heavyModel, lightweightModel, matrix, prediction, predictionApp, predictions, row, table, } from 'sluice-example-prediction-app';
/** Each model has the limit that its work allows, and a batch costs what it holds. */
export async function resourcesApp(store = memoryStore()) {
    const app = await predictionApp({
        title: 'Resources',
        description: 'A limit for each model by what it costs to ask it, and one by the size of a batch.',
    });
    const limited = (name, rule) => limit({ store, name, rules: [rule] });
    const one = { body: row, response: answers(prediction) };
    const several = answers(predictions);
    const lightweight = limited('lightweight', { limit: '100/minute', algorithm: 'fixed-window' });
    app.post('/models/lightweight/predict', { onRequest: lightweight, schema: one }, async ({ body }) => lightweightModel(featuresOf(body)));
    const heavy = limited('heavy', { limit: '10/minute', algorithm: 'fixed-window' });
    app.post('/models/heavy/predict', { onRequest: heavy, schema: one }, async ({ body }) => heavyModel(featuresOf(body)));
    const batches = limited('batches', { limit: '2 per 300 seconds', algorithm: 'fixed-window' });
    app.post('/models/batch-process', { onRequest: batches, schema: { body: matrix, response: several } }, async ({ body }) => ({ predictions: body.map(lightweightModel) }));
    // By cost: what is counted is rows, so that one batch of fifty is as much as fifty of one. A cost that is read from the body is
    // worked out behind its validation, and so as a `preHandler`.
    const rows = limited('rows', {
        limit: '100/minute',
        algorithm: 'fixed-window',
        of: 'rows',
        cost: batchSize('/data'),
    });
    app.post('/models/batch-predict', { preHandler: rows, schema: { body: table, response: several } }, async ({ body }) => ({ predictions: body.data.map(lightweightModel) }));
    return app;
}
