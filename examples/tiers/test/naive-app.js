import fastify from 'fastify';
/**
 * As tiers are often written: the tier is what a header claims; one limiter serves all tiers, and has its limit multiplied for
 * a premium request; and premium users are counted together.
 */
export function naiveTiersApp() {
    const limiter = { limit: 20, counts: new Map() };
    const admit = (key) => {
        const count = (limiter.counts.get(key) ?? 0) + 1;
        limiter.counts.set(key, count);
        return count <= limiter.limit;
    };
    const app = fastify();
    app.post('/predict', async ({ headers, ip }, reply) => {
        const premium = headers['x-user-tier'] === 'premium';
        if (premium)
            limiter.limit *= 5;
        if (!admit(premium ? 'premium' : ip))
            return reply.code(429).send({ detail: 'Too many requests' });
        reply.header('x-ratelimit-limit', limiter.limit);
        return { prediction: 'calm' };
    });
    return app;
}
/** Has no other fault than that all premium users share one key. */
export function sharedKeyApp() {
    const counts = new Map();
    const app = fastify();
    app.post('/predict', async ({ headers, ip }, reply) => {
        const premium = headers['x-api-key'] !== undefined;
        const key = premium ? 'premium' : ip;
        const count = (counts.get(key) ?? 0) + 1;
        counts.set(key, count);
        if (count > (premium ? 100 : 20))
            return reply.code(429).send({ detail: 'Too many requests' });
        return { prediction: 'calm' };
    });
    return app;
}
/** Has no other fault than that it believes a header. */
export function trustingApp() {
    const counts = new Map();
    const app = fastify();
    app.post('/predict', async ({ headers, ip }, reply) => {
        const count = (counts.get(ip) ?? 0) + 1;
        counts.set(ip, count);
        if (count > (headers['x-user-tier'] === 'premium' ? 100 : 20)) {
            return reply.code(429).send({ detail: 'Too many requests' });
        }
        return { prediction: 'calm' };
    });
    return app;
}
