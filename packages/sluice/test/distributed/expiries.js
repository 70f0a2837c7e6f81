import { Redis } from 'ioredis';
/** How long a key of Redis lives yet, in milliseconds (-1: for ever), and the server's time. */
const LIFE = `
  local time = redis.call('TIME')
  return { redis.call('PTTL', KEYS[1]), string.format('%.3f', time[1] * 1000 + time[2] / 1000) }`;
/** Every key that the servers hold, with its expiry; infinite where it has none. */
export async function expiriesOn({ nodes, memcached }) {
    const all = new Map();
    if (memcached !== undefined) {
        for (const [key, second] of await memcached.keys())
            all.set(key, withinSecond(second));
    }
    for (const { port } of nodes) {
        const client = new Redis(port);
        try {
            for await (const keys of client.scanStream({ count: 100 })) {
                for (const key of keys) {
                    const [left, now] = (await client.eval(LIFE, 1, key));
                    const at = left === -1 ? Number.POSITIVE_INFINITY : Number(now) + left;
                    // What is left is counted in whole milliseconds, rounded to the nearest. -2: it is gone since the scan.
                    if (left !== -2)
                        all.set(key, { from: at - 1, to: at + 1 });
                }
            }
        }
        finally {
            client.disconnect();
        }
    }
    return all;
}
/** A key of Memcached goes when the server's clock turns to a second, at any time within it by the machine's. */
function withinSecond(second) {
    if (second < 0)
        return { from: Number.POSITIVE_INFINITY, to: Number.POSITIVE_INFINITY };
    return { from: second * 1000, to: (second + 1) * 1000 };
}
