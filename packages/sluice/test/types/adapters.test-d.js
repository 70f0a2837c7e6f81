import { Controller } from '@nestjs/common';
import express, {} from 'express';
import fastify, {} from 'fastify';
import { limit as onExpress, settle as settleOnExpress } from 'sluice/express';
import { limit as onFastify, settle as settleOnFastify } from 'sluice/fastify';
import { limit as onFetch, settle as settleOnFetch } from 'sluice/fetch';
import { limit as onHono, settle as settleOnHono } from 'sluice/hono';
import { limit as onKoa, settle as settleOnKoa } from 'sluice/koa';
import { Limit, LimitModule, settle as settleOnNest, Unlimited } from 'sluice/nest';
import { expectTypeOf } from 'vitest';
/** Compiled by `npm run types`: each adapter speaks of its framework's own requests. */
expectTypeOf(onExpress('10/minute')).toEqualTypeOf();
express().post('/predict', onExpress('10/minute'), (_request, response) => void response.json({}));
onExpress({ rules: [{ limit: '1/s', cost: (request) => request.body.length }] });
// @ts-expect-error Express knows no such thing of a request
onExpress({ rules: [{ limit: '1/s', cost: (request) => request.rows }] });
// @ts-expect-error the keys are the adapter's own
onExpress({ rules: [], keys: { ip: () => '' } });
expectTypeOf(onFastify('10/minute')).toEqualTypeOf();
fastify().post('/predict', { preHandler: onFastify('10/minute') }, async () => ({}));
fastify().post('/early', { onRequest: onFastify('10/minute') }, async () => ({}));
onFastify({ rules: [{ limit: '1/s', by: (request) => String(request.routeOptions.url) }] });
expectTypeOf(onKoa('10/minute')).toEqualTypeOf();
onKoa({ rules: [{ limit: '1/s', by: (context) => context.path }] });
expectTypeOf(onHono('10/minute')).toEqualTypeOf();
onHono({
    rules: [{ limit: '1/s', by: (context) => context.req.path }],
    address: (context) => context.req.url,
});
// A handler keeps what it is given beside the request.
const handler = onFetch({
    rules: [{ limit: '1/s', by: (request) => request.url }],
    address: (_request, { server }) => server,
})(async (_request, { server }) => new Response(server));
expectTypeOf(handler).parameters.toEqualTypeOf();
expectTypeOf(handler).returns.toEqualTypeOf();
// @ts-expect-error such a request has no address: who counts by it says where it is from
onFetch('10/minute');
expectTypeOf(Limit('10/minute')).toEqualTypeOf();
expectTypeOf(Unlimited()).toEqualTypeOf();
class Predictions {
}
Limit({ rules: [{ limit: '1/s', by: (request) => String(request.method) }] })(Predictions);
Controller()(Predictions);
LimitModule.forRoot('60/minute');
LimitModule.forRoot();
for (const settle of [settleOnFastify, settleOnFetch, settleOnHono, settleOnKoa, settleOnNest])
    expectTypeOf(settle).toEqualTypeOf();
expectTypeOf(settleOnExpress).returns.toEqualTypeOf();
// @ts-expect-error a cost is a number
settleOnExpress({}, { tokens: '812' });
