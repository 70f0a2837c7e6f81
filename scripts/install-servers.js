// Installs the servers that the tests start: Redis with its command line, and Memcached.
// Does nothing where they are there already. Where it cannot install them it says in one line what to install, exit 1.
// One test runs a FastAPI app: where that cannot be installed, it says so in one line and goes on, and so does the test.
import { spawnSync } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'

const PROGRAMS = [
  { program: 'redis-server', apt: 'redis-server', brew: 'redis' },
  { program: 'redis-cli', apt: 'redis-tools', brew: 'redis' },
  { program: 'memcached', apt: 'memcached', brew: 'memcached' },
]

/** Packages of Debian and Ubuntu. */
const FASTAPI = ['python3-fastapi', 'python3-uvicorn']

const missing = PROGRAMS.filter(({ program }) => !isInstalled(program))
if (missing.length > 0 && !(install() && missing.every(({ program }) => isInstalled(program)))) {
  const names = missing.map(({ program }) => program).join(', ')
  console.error(`The tests start real servers. Please install: ${names} (Redis 6.2 or later, Memcached 1.6).`)
  process.exit(1)
}

if (!hasFastApi() && !(isInstalled('apt-get') && isRootUnasked() && installWithApt(FASTAPI))) {
  console.error('The test of a FastAPI app will not run: /usr/bin/python3 lacks fastapi and uvicorn.')
}

function install() {
  if (process.platform === 'linux' && isInstalled('apt-get')) return installWithApt(namesFor('apt'))
  if (process.platform === 'darwin' && isInstalled('brew'))
    return runs('brew', ['install', ...namesFor('brew')])
  return false
}

/** For what is only nice to have, nobody is asked for a password. */
function isRootUnasked() {
  return process.getuid?.() === 0 || spawnSync('sudo', ['-n', 'true']).status === 0
}

/** The system's own Python, whatever others there are. */
function hasFastApi() {
  return spawnSync('/usr/bin/python3', ['-c', 'import fastapi, uvicorn']).status === 0
}

/** @param {readonly string[]} names */
function installWithApt(names) {
  const options = ['install', '--yes', '--no-install-recommends', ...names]
  return asRoot(['apt-get', ...options]) || (asRoot(['apt-get', 'update']) && asRoot(['apt-get', ...options]))
}

/**
 * Asks nothing, and where the system minds its runlevel starts no service: the tests start servers of their own.
 *
 * @param {readonly string[]} command
 */
function asRoot(command) {
  const quiet = ['env', 'DEBIAN_FRONTEND=noninteractive', 'RUNLEVEL=1', ...command]
  if (process.getuid?.() === 0) return runs('env', quiet.slice(1))
  return isInstalled('sudo') && runs('sudo', quiet)
}

/** @param {'apt' | 'brew'} system */
function namesFor(system) {
  return [...new Set(missing.map((each) => each[system]))]
}

/**
 * @param {string} command
 * @param {readonly string[]} args
 */
function runs(command, args) {
  return spawnSync(command, args, { stdio: ['ignore', 'ignore', 'inherit'] }).status === 0
}

/** @param {string} program */
function isInstalled(program) {
  const folders = (process.env.PATH ?? '').split(delimiter)
  return folders.some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}
