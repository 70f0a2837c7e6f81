import { setTimeout as pause } from 'node:timers/promises';
import { describe, it, onTestFinished } from 'vitest';
import { startMemcached } from '../../stores/servers/memcached.js';
import { startRedis } from '../../stores/servers/redis.js';
import { expectKept, figuresOf } from './expectations.js';
import { underLoad } from './load.js';
const TIMES = 3;
describe('under load', () => {
    it.each([
        ['by URL', undefined],
        ['by a client of ioredis', 'ioredis'],
        ['by a client of node-redis', 'node-redis'],
    ])('Redis, %s, is killed and started again with what it had written', async (how, client) => {
        const server = await startRedis(['--appendonly', 'yes']);
        onTestFinished(() => server.stop());
        const fault = async () => {
            await server.crash();
            await pause(2000);
            await server.startAgain();
        };
        const groups = await underLoad(`redis://127.0.0.1:${server.port}`, fault, client);
        console.log(`Redis, ${how}, killed for 2 s: ${figuresOf(groups)}`);
        expectKept(groups, { fault: 'loses', sockets: 1 });
    });
    it('Memcached is killed and started again, empty', async () => {
        const servers = [await startMemcached()];
        onTestFinished(async () => {
            for (const server of servers)
                await server.stop();
        });
        const [{ url, port, stop }] = servers;
        const groups = await underLoad(url, async () => {
            await stop();
            await pause(2000);
            servers.push(await startMemcached(port));
        });
        console.log(`Memcached killed for 2 s: ${figuresOf(groups)}`);
        expectKept(groups, { fault: 'loses', sockets: 1, losses: 1, clocks: 1000 });
    });
    it.each([
        ['SCRIPT FLUSH', ['script', 'flush'], 0],
        ['FLUSHALL', ['flushall'], TIMES],
    ])('%s', async (what, command, losses) => {
        const server = await startRedis();
        onTestFinished(() => server.stop());
        const groups = await underLoad(`redis://127.0.0.1:${server.port}`, async () => {
            for (let time = 0; time < TIMES; time++) {
                await server.cli(...command);
                await pause(300);
            }
        });
        console.log(`${what}, ${TIMES} times: ${figuresOf(groups)}`);
        expectKept(groups, { fault: 'mends', sockets: 1, losses });
    });
});
