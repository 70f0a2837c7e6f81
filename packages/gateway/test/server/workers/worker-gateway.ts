import { spawnSync } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { sluice } from '../../cli/program.js'
import { send, startUpstream, until } from '../gateway/running-gateway.js'

/** Runs `sluice serve` with several workers. */
export async function serveWithWorkers(
  workers: number,
  text: string,
  respond: Parameters<typeof startUpstream>[0],
  listen = '127.0.0.1:0',
  adminSettings = '127.0.0.1:0',
) {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-workers-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  const file = join(folder, 'gateway.yaml')
  const upstream = await startUpstream(respond)
  const write = (limits: string) =>
    writeFile(
      file,
      `listen: ${listen}\nadmin: ${adminSettings}\nworkers: ${workers}\nupstream: ${upstream}\n` +
        `${limits.includes('drain:') ? '' : 'timeouts: { drain: 0 }\n'}${limits}`,
    )
  await write(text)
  const program = sluice('serve', file)
  await until(() => program.output.out.includes('health') || program.child.exitCode !== null)
  const addresses = program.output.out.match(/http:\/\/127\.0\.0\.1:\d+/g) ?? []
  const [url = '', admin = ''] = addresses.filter((each) => each !== upstream)
  const metrics = async () => (await fetch(new URL('/metrics', admin))).text()
  return {
    ...program,
    ...{ url, admin, write },
    pids: () => workersOf(program.child.pid as number),
    status: async (path = '/predict', headers: Record<string, string> = {}) =>
      (await send(url, path, { headers })).status,
    metrics,
    /** Returns the total connection limit of all listening workers. Each has an equal share. */
    maxConnections: async () => Number(/^sluice_max_connections (\d+)$/m.exec(await metrics())?.[1]),
  }
}

/** Returns the child processes of a process. */
function workersOf(parent: number): number[] {
  const { stdout } = spawnSync('pgrep', ['-P', String(parent)], { encoding: 'utf8' })
  return stdout.split('\n').filter(Boolean).map(Number)
}
