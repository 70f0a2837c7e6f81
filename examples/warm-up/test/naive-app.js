import fastify from 'fastify';
/** As warm-up is often written: while the model warms up, each request divides the one limit there is, and nobody restores it. */
export function dividingApp(isWarming, minute) {
    const limiter = { limit: 50 };
    const counts = new Map();
    const app = fastify();
    app.post('/predict', async ({ ip }, reply) => {
        if (isWarming())
            limiter.limit = Math.floor(limiter.limit / 5);
        const key = `${ip} ${minute()}`;
        const count = (counts.get(key) ?? 0) + 1;
        counts.set(key, count);
        if (count > limiter.limit)
            return reply.code(429).send({ detail: 'Too many requests' });
        return { prediction: 'calm' };
    });
    return app;
}
