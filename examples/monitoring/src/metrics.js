/** Where requests are counted that no route takes. */
const ELSEWHERE = 'elsewhere';
/**
 * Counts what an app's routes are asked for and what they refuse, and tells it at `GET /metrics`. Routes that its OpenAPI page hides are
 * not counted, and so neither is this one. The limits are none of its business.
 */
export function countRequests(app) {
    const endpoints = new Map();
    // When the answer has been sent or its client has gone: each request once, however it ended.
    app.addHook('onResponse', async ({ method, routeOptions }, reply) => {
        if (routeOptions.schema?.hide === true)
            return;
        const name = routeOptions.url === undefined ? ELSEWHERE : `${method} ${routeOptions.url}`;
        const counts = endpoints.get(name) ?? { total: 0, limited: 0 };
        endpoints.set(name, counts);
        counts.total++;
        if (reply.statusCode === 429)
            counts.limited++;
    });
    app.get('/metrics', { schema: { hide: true } }, async () => {
        const counts = [...endpoints.values()];
        return {
            total_requests: counts.reduce((sum, { total }) => sum + total, 0),
            limited_requests: counts.reduce((sum, { limited }) => sum + limited, 0),
            endpoints: Object.fromEntries(endpoints),
        };
    });
}
