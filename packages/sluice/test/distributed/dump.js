import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
/** Everything that the servers hold, keys and values, byte by byte. */
export async function dumpOf({ nodes, memcached }) {
    const dumps = await Promise.all(nodes.map(redisDump));
    if (memcached !== undefined)
        dumps.push(await memcachedDump(memcached));
    return Buffer.concat(dumps);
}
/** The file in which a server would keep what it holds. */
async function redisDump(node) {
    await node.cli('config', 'set', 'rdbcompression', 'no');
    await node.cli('save');
    const setting = async (name) => (await node.cli('config', 'get', name)).split('\n')[1] ?? '';
    return readFile(join(await setting('dir'), await setting('dbfilename')));
}
async function memcachedDump(server) {
    const keys = await server.keys();
    const values = await Promise.all([...keys.keys()].map((key) => server.ask(`get ${key}`, 'END')));
    return Buffer.from(values.flat().join('\n'), 'latin1');
}
