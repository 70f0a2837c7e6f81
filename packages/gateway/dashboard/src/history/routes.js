import { after, NO_TRAFFIC, trafficOf } from './stretches.js';
/** The routes that something came to, the busiest first. */
export function routesIn(samples) {
    const names = new Set(samples.flatMap(({ routes }) => Object.keys(routes)));
    const newest = samples.at(-1);
    return [...names]
        .map((route) => {
        const seconds = samples.map((sample) => trafficOf(sample, route));
        const { inFlight, waiting } = newest === undefined ? NO_TRAFFIC : trafficOf(newest, route);
        return {
            route,
            traffic: { ...seconds.reduce(after, NO_TRAFFIC), inFlight, waiting },
            requests: seconds.map(requestsIn),
        };
    })
        .sort((a, b) => requestsIn(b.traffic) - requestsIn(a.traffic) || a.route.localeCompare(b.route));
}
export function requestsIn({ allowed, refused, failed }) {
    return allowed + refused + failed;
}
