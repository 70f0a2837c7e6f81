import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { constants, gzipSync } from 'node:zlib'
import { onTestFinished } from 'vitest'
import { sluice } from '../../cli/program.js'
import { echo, until, upstreamOf } from '../gateway/running-gateway.js'

/**
 * A gateway that records. It is the program as it is built: a replay runs in a thread of its own, which is started from its file.
 *
 * @param text the file without its addresses
 */
export async function recording(text: string) {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-recording-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  const file = join(folder, 'gateway.yaml')
  const addresses = 'listen: 127.0.0.1:0\nadmin: 127.0.0.1:0'
  await writeFile(
    file,
    `${addresses}\nupstream: ${await upstreamOf(echo)}\nrecord: traffic.jsonl.gz\n${text}\n`,
  )
  const { said, child } = sluice('serve', file)
  onTestFinished(() => void child.kill('SIGKILL'))
  await until(() => (said.out.match(/http:\/\/[\d.:]+/g)?.length ?? 0) >= 3)
  const [url = '', , adminUrl = ''] = said.out.match(/http:\/\/[\d.:]+/g) ?? []
  return { url, adminUrl, recorded: join(folder, 'traffic.jsonl.gz'), pid: child.pid }
}

/** A file of the record of yesterday, with as many requests, ten milliseconds apart. */
export async function yesterday(file: string, count: number, finishFlush = constants.Z_FINISH) {
  const from = Date.now() - 24 * 3_600_000
  const line = (index: number) =>
    JSON.stringify({ time: from + index * 10, ip: 'somebody', method: 'POST', path: '/predict' })
  const lines = ['{"sluice_record":1}', ...Array.from({ length: count }, (_, index) => line(index))]
  await writeFile(file, gzipSync(`${lines.join('\n')}\n`, { finishFlush }))
}
