import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { constants, gunzipSync } from 'node:zlib'
import type { SearchedText } from '../../../../sluice/test/secret-search.js'
import type { RedisServer } from '../../../../sluice/test/stores/servers/redis.js'

/** The files that hold the secrets themselves. */
const SOURCES = ['upstream-key', 'webhook-secret', 'client.key']
const CONFIGURATIONS = ['gateway.yaml', 'broken.yaml', 'no-variable.yaml']

/** Returns the command lines of a gateway and its workers. */
export async function commandLines(pid: number): Promise<SearchedText> {
  const pids = [pid, ...(await workersOf(pid))]
  const lines = await Promise.all(pids.map((each) => readFile(`/proc/${each}/cmdline`, 'utf8')))
  return { where: 'command line', text: lines.join('\n') }
}

/** Returns the child processes of a process. */
export async function workersOf(pid: number): Promise<number[]> {
  const children = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8')
  return children.split(' ').filter(Boolean).map(Number)
}

/** Returns all keys and values of a Redis server: the contents of its RDB file. */
export async function everythingIn(redis: RedisServer): Promise<SearchedText> {
  await redis.cli('config', 'set', 'rdbcompression', 'no')
  await redis.cli('save')
  const setting = async (name: string) => (await redis.cli('config', 'get', name)).split('\n')[1] ?? ''
  const file = join(await setting('dir'), await setting('dbfilename'))
  return { where: 'Redis', text: await readFile(file, 'latin1') }
}

/** Returns the files of a gateway other than those of its operator. */
export async function filesIn(folder: string): Promise<SearchedText[]> {
  const names = (await readdir(folder)).filter((name) => ![...SOURCES, ...CONFIGURATIONS].includes(name))
  const read = async (name: string) => {
    // A record ends early if its process was killed.
    const bytes = await readFile(join(folder, name))
    return {
      where: name,
      text: (bytes[0] === 0x1f ? gunzipSync(bytes, { finishFlush: constants.Z_SYNC_FLUSH }) : bytes).toString(
        'utf8',
      ),
    }
  }
  return Promise.all(names.map(read))
}
