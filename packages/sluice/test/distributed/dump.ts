import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { MemcachedServer } from '../stores/servers/memcached.js'
import type { RedisServer } from '../stores/servers/redis.js'
import type { Backend } from './backends.js'

/** Returns all keys and values on the servers as bytes. */
export async function dumpOf({ nodes, memcached }: Backend): Promise<Buffer> {
  const dumps = await Promise.all(nodes.map(redisDump))
  if (memcached !== undefined) dumps.push(await memcachedDump(memcached))
  return Buffer.concat(dumps)
}

/** Returns the contents of a server's RDB file. */
async function redisDump(node: RedisServer): Promise<Buffer> {
  await node.cli('config', 'set', 'rdbcompression', 'no')
  await node.cli('save')
  const setting = async (name: string) => (await node.cli('config', 'get', name)).split('\n')[1] ?? ''
  return readFile(join(await setting('dir'), await setting('dbfilename')))
}

async function memcachedDump(server: MemcachedServer): Promise<Buffer> {
  const keys = await server.keys()
  const values = await Promise.all([...keys.keys()].map((key) => server.send(`get ${key}`, 'END')))
  return Buffer.from(values.flat().join('\n'), 'latin1')
}
