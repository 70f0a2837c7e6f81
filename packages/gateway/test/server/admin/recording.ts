import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { constants, gzipSync } from 'node:zlib'
import { onTestFinished } from 'vitest'
import { sluice } from '../../cli/program.js'
import { echo, startUpstream, until } from '../gateway/running-gateway.js'

/**
 * Starts a gateway that records its traffic. The gateway runs from the build, because a replay
 * loads its worker-thread script from there.
 *
 * @param yaml the configuration without its addresses
 */
export async function startRecordingGateway(yaml: string) {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-recording-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  const file = join(folder, 'gateway.yaml')
  const addresses = 'listen: 127.0.0.1:0\nadmin: 127.0.0.1:0'
  await writeFile(
    file,
    `${addresses}\nupstream: ${await startUpstream(echo)}\nrecord: traffic.jsonl.gz\n${yaml}\n`,
  )
  const { output, child } = sluice('serve', file)
  onTestFinished(() => void child.kill('SIGKILL'))
  await until(() => (output.out.match(/http:\/\/[\d.:]+/g)?.length ?? 0) >= 3)
  const [url = '', , adminUrl = ''] = output.out.match(/http:\/\/[\d.:]+/g) ?? []
  return { url, adminUrl, recorded: join(folder, 'traffic.jsonl.gz'), pid: child.pid }
}

/** Writes a record file with requests from 24 hours ago, ten milliseconds apart. */
export async function writeYesterdaysRecord(file: string, count: number, finishFlush = constants.Z_FINISH) {
  const from = Date.now() - 24 * 3_600_000
  const line = (index: number) =>
    JSON.stringify({ time: from + index * 10, ip: 'client-1', method: 'POST', path: '/predict' })
  const lines = ['{"sluice_record":1}', ...Array.from({ length: count }, (_, index) => line(index))]
  await writeFile(file, gzipSync(`${lines.join('\n')}\n`, { finishFlush }))
}
