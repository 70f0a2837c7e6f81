import 'reflect-metadata';
import { Controller, Get, Module, Post, Req, Res } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { Limit, LimitModule, settle } from '../../../src/adapters/nest.js';
import { appOf } from './listening.js';
function onNest(create) {
    return {
        readsBody: true,
        stacks: false,
        tellsRepeated: true,
        async start(routes) {
            const app = await create(moduleOf(routes));
            await app.listen(0, '127.0.0.1');
            return appOf(app.getHttpServer(), () => app.close());
        },
        bodyOf: (request) => request.body,
        headerOf: (request, name) => request.headers[name]?.toString(),
    };
}
/** Decorators by hand, since the routes are made while the test runs. */
function moduleOf(routes) {
    class Routes {
    }
    const handlers = Routes.prototype;
    routes.forEach((route, index) => {
        const name = `handle${index}`;
        handlers[name] = (request, reply) => respond(route, request, reply);
        const property = Object.getOwnPropertyDescriptor(handlers, name);
        const verb = route.method === 'GET' ? Get : Post;
        verb(route.path)(handlers, name, property);
        for (const options of route.limits)
            Limit(options)(handlers, name, property);
        Req()(handlers, name, 0);
        Res()(handlers, name, 1);
    });
    Controller()(Routes);
    class App {
    }
    Module({ imports: [LimitModule.forRoot()], controllers: [Routes] })(App);
    return App;
}
async function respond({ handle }, request, reply) {
    const answer = await handle({ settle: (costs) => settle(request, costs) });
    if ('raw' in reply)
        reply.hijack();
    const response = 'raw' in reply ? reply.raw : reply;
    response.statusCode = 200;
    if (typeof answer === 'string') {
        response.end(answer);
        return;
    }
    response.flushHeaders();
    answer.pipe(response);
    response.once('close', () => answer.destroy());
}
export const onNestExpress = onNest((module) => NestFactory.create(module, new ExpressAdapter(), { logger: false }));
export const onNestFastify = onNest((module) => NestFactory.create(module, new FastifyAdapter(), { logger: false }));
