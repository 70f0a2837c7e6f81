import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { CannotRun } from '../harness/bench.js'

const INSTALL = fileURLToPath(new URL('../../../scripts/install-peers.js', import.meta.url))
/** Files that the compiler does not copy: Python programs, and the versions of the peers. */
const SOURCES = fileURLToPath(new URL('../../src/peers/', import.meta.url))

/** A set of peers in `scripts/peers.js`. */
type PeerSet = 'fastapi' | 'litellm' | 'envoy' | 'ratelimit'

/** Returns the path of a program of a set, which is first installed if it is missing.
 *
 * @throws CannotRun if the set cannot be installed, with the error of the package manager
 */
export function peerProgram(set: PeerSet, program: string): string {
  const { status, stdout, stderr } = spawnSync(process.execPath, [INSTALL, set], { encoding: 'utf8' })
  if (status !== 0) throw new CannotRun(stderr.trimEnd().split('\n').at(-1) ?? `cannot install ${set}`)
  return join(stdout.trimEnd(), 'bin', program)
}

/** Returns the path of a file, or of a folder, beside the sources of this folder. */
export function sourcePath(name: string): string {
  return join(SOURCES, name)
}

/** Returns the version of a package in the requirements of a set. */
export function versionOf(set: Exclude<PeerSet, 'ratelimit'>, packageName: string): string {
  const lines = readFileSync(sourcePath(`${set}/requirements.txt`), 'utf8').split('\n')
  const line = lines.find((each) => each.split(/==|\[/)[0] === packageName)
  return line?.split('==')[1] ?? 'of an unknown version'
}
