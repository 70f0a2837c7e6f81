// Installs a set of other servers: `install-peers.js [NAME]`, with a name from scripts/peers.js.
// `npm run test:peers` installs the default, `tests`, and `npm run bench -- peers` the others.
// Python packages are installed in a virtual environment, and Go programs are compiled, in a folder
// in node_modules/.cache. Does nothing if the set is installed. Prints the folder. Environments contain
// their path, so a moved folder is installed again.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { PEER_SETS, peerFolder } from './peers.js'
import { pathOf } from './programs.js'

const [name = 'tests'] = process.argv.slice(2)
const set = PEER_SETS[name]
if (set === undefined) fail(`expected one of ${Object.keys(PEER_SETS).join(', ')}`)
const folder = peerFolder(name)
const stamp = join(folder, 'installed')
const requirements =
  'requirements' in set ? fileURLToPath(new URL(`../${set.requirements}`, import.meta.url)) : undefined
const required = requirements === undefined ? JSON.stringify(set) : readFileSync(requirements)
const requiredDigest = createHash('sha256').update(required).update(folder).digest('hex')

if (!existsSync(stamp) || readFileSync(stamp, 'utf8') !== requiredDigest) {
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(join(folder, 'bin'), { recursive: true })
  if ('goPackage' in set) compile(set.goPackage)
  else if (requirements !== undefined) createEnvironment(requirements)
  // Written last, so that an interrupted installation starts over.
  writeFileSync(`${stamp}.new`, requiredDigest)
  renameSync(`${stamp}.new`, stamp)
}
console.log(folder)

/** @param {string} file */
function createEnvironment(file) {
  const python = pathOf(['python3'])
  if (python === undefined) fail('python3 is not installed; this requires python3 with venv and pip')
  run(python, ['-m', 'venv', folder])
  run(join(folder, 'bin/python'), [
    ...['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--requirement', file],
  ])
}

/** @param {string} goPackage */
function compile(goPackage) {
  const go = pathOf(['go'])
  if (go === undefined) fail('go is not installed')
  run(go, ['install', goPackage], { GOBIN: join(folder, 'bin') })
}

/**
 * Runs a command; exits with 1 if it fails.
 *
 * @param {string} command
 * @param {readonly string[]} args
 * @param {Readonly<Record<string, string>>} [env] variables to add to the environment
 */
function run(command, args, env) {
  const { status, stderr } = spawnSync(command, args, {
    stdio: ['ignore', 'ignore', 'pipe'],
    encoding: 'utf8',
    env: { ...process.env, ...env },
  })
  if (status === 0) return
  process.stderr.write(stderr)
  const error = stderr.split('\n').find((line) => /error/i.test(line))
  fail(error ?? `'${command} ${args.slice(0, 3).join(' ')}' failed`)
}

/**
 * Prints one line and exits with 1.
 *
 * @param {string} reason
 * @returns {never}
 */
function fail(reason) {
  console.error(`cannot install the peers '${name}': ${reason}`)
  process.exit(1)
}
