import { setTimeout as pause } from 'node:timers/promises';
import { it } from 'vitest';
import { startMemcached } from '../../stores/servers/memcached.js';
import { startRedis } from '../../stores/servers/redis.js';
import { expectKept, figuresOf } from './expectations.js';
import { underLoad } from './load.js';
const HANGING = 10_000;
const SERVERS = {
    async Redis() {
        const server = await startRedis();
        return { ...server, url: `redis://127.0.0.1:${server.port}`, clocks: 0 };
    },
    async Memcached() {
        return { ...(await startMemcached()), clocks: 1000 };
    },
};
it.concurrent.each(['Redis', 'Memcached'])(`under load, %s hangs for ${HANGING} ms`, async (name) => {
    const server = await SERVERS[name]();
    try {
        const groups = await underLoad(server.url, async () => {
            server.process.kill('SIGSTOP');
            await pause(HANGING);
            server.process.kill('SIGCONT');
        });
        console.log(`${name} stopped for ${HANGING / 1000} s: ${figuresOf(groups)}`);
        expectKept(groups, { fault: 'loses', sockets: 1, clocks: server.clocks });
    }
    finally {
        await server.stop();
    }
});
