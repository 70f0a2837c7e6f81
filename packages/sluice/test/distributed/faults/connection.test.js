import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, it } from 'vitest';
import { startRedis } from '../../stores/servers/redis.js';
import { startWire } from '../../stores/servers/wire.js';
import { expectKept, figuresOf } from './expectations.js';
import { underLoad } from './load.js';
describe('under load, the connection to Redis', () => {
    let server;
    let wire;
    beforeAll(async () => {
        server = await startRedis();
        wire = await startWire(server.port);
    });
    beforeEach(() => server.cli('flushall'));
    afterAll(async () => {
        wire?.stop();
        await server?.stop();
    });
    it.each([
        [
            'swallows all bytes for 4 s',
            async () => {
                wire.condition = 'swallows';
                await pause(4000);
                wire.condition = 'through';
            },
        ],
        [
            'is reset every 50 ms for 2 s',
            async () => {
                for (let time = 0; time < 40; time++) {
                    wire.reset();
                    await pause(50);
                }
            },
        ],
        [
            'is 200 ms slower for 2 s',
            async () => {
                wire.condition = 200;
                await pause(2000);
                wire.condition = 'through';
            },
        ],
    ])('%s', async (what, fault) => {
        const groups = await underLoad(`redis://127.0.0.1:${wire.port}`, fault);
        console.log(`A connection that ${what}: ${figuresOf(groups)}`);
        expectKept(groups, { fault: 'loses', sockets: 1 });
    });
});
