// Installs the servers that test/peers runs behind the gateway: the Python packages of
// test/peers/requirements.txt, in a virtual environment in node_modules/.cache. Does nothing if
// they are installed. `npm run test:peers` runs this script first.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { PEERS_FOLDER } from './peers.js'
import { pathOf } from './programs.js'

const requirements = fileURLToPath(new URL('../test/peers/requirements.txt', import.meta.url))
const requiredDigest = createHash('sha256').update(readFileSync(requirements)).digest('hex')
const stamp = join(PEERS_FOLDER, 'installed')

if (!existsSync(stamp) || readFileSync(stamp, 'utf8') !== requiredDigest) {
  const python = pathOf(['python3'])
  if (python === undefined) fail('python3 is not installed')
  const parent = join(PEERS_FOLDER, '..')
  rmSync(PEERS_FOLDER, { recursive: true, force: true })
  mkdirSync(parent, { recursive: true })
  run(python, ['-m', 'venv', PEERS_FOLDER])
  run(join(PEERS_FOLDER, 'bin/python'), [
    ...['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--requirement', requirements],
  ])
  // Written last, so that an interrupted installation starts over.
  writeFileSync(`${stamp}.new`, requiredDigest)
  renameSync(`${stamp}.new`, stamp)
}

/**
 * Runs a command; exits with 1 if it fails.
 *
 * @param {string} command
 * @param {readonly string[]} args
 */
function run(command, args) {
  const { status } = spawnSync(command, args, { stdio: ['ignore', 'ignore', 'inherit'] })
  if (status !== 0) fail(`'${command} ${args.slice(0, 3).join(' ')}' failed`)
}

/**
 * Prints one line and exits with 1.
 *
 * @param {string} reason
 * @returns {never}
 */
function fail(reason) {
  console.error(
    `Cannot install the servers for test/peers: ${reason}. This requires python3 with venv and pip.`,
  )
  process.exit(1)
}
