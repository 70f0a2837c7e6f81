import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe } from 'vitest';
import { ScriptStore } from '../../../src/stores/redis/redis-store.js';
import { describeStore } from '../conformance.js';
import { CLIENTS, connect, startTopology, TOPOLOGIES, } from './topologies.js';
/** What is written under a time of the test's own lives so much longer than it has to, in milliseconds. */
const SLACK = 3000;
/** Ages the keys of a prefix; gives how many of them still have to be there. */
const AGE = `
  local kept = 0
  for _, key in ipairs(redis.call('KEYS', ARGV[1] .. '*')) do
    local left = redis.call('PTTL', key) - tonumber(ARGV[2])
    if ARGV[2] ~= '0' then redis.call('PEXPIRE', key, string.format('%.0f', math.max(left, 0))) end
    if left > ${SLACK} then kept = kept + 1 end
  end
  return kept`;
let stores = 0;
for (const topology of TOPOLOGIES) {
    describe(topology, () => {
        let running;
        let nodes = [];
        const connected = new Map();
        beforeAll(async () => {
            running = await startTopology(topology);
            nodes = running.nodes.map(({ port }) => new Redis(port));
            for (const name of CLIENTS)
                connected.set(name, await connect(running, name, ''));
        });
        afterAll(async () => {
            for (const each of connected.values())
                await each.close();
            for (const node of nodes)
                node.disconnect();
            await running?.stop();
        });
        for (const name of CLIENTS) {
            describeStore(name, () => {
                const prefix = `store ${stores++}:`;
                const { connection } = connected.get(name);
                let now = Date.UTC(2026, 10, 24, 12);
                const store = new ScriptStore(connection, prefix, () => now);
                const age = async (milliseconds) => {
                    const counts = nodes.map((node) => node.eval(AGE, 0, prefix, milliseconds));
                    return (await Promise.all(counts)).reduce((sum, count) => sum + Number(count), 0);
                };
                return {
                    store,
                    async advance(milliseconds) {
                        now += milliseconds;
                        // In whole milliseconds, as the server counts them; none too many.
                        await age(Math.floor(milliseconds));
                    },
                    setBack(milliseconds) {
                        now -= milliseconds;
                    },
                    keys: () => age(0),
                    async close() {
                        await Promise.all(nodes.map((node) => node.flushall()));
                    },
                };
            }, { jumps: topology === 'standalone' && name === 'ioredis', atOnce: topology !== 'cluster' });
        }
    });
}
