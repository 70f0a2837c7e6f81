// Installs the servers that the tests start: Redis with its command line, and Memcached.
// Does nothing where they are there already. Where it cannot install them it says in one line what to install, exit 1.
import { spawnSync } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'

const PROGRAMS = [
  { program: 'redis-server', apt: 'redis-server', brew: 'redis' },
  { program: 'redis-cli', apt: 'redis-tools', brew: 'redis' },
  { program: 'memcached', apt: 'memcached', brew: 'memcached' },
]

const missing = PROGRAMS.filter(({ program }) => !isInstalled(program))
if (missing.length > 0 && !(install() && missing.every(({ program }) => isInstalled(program)))) {
  const names = missing.map(({ program }) => program).join(', ')
  console.error(`The tests start real servers. Please install: ${names} (Redis 6.2 or later, Memcached 1.6).`)
  process.exit(1)
}

function install() {
  if (process.platform === 'linux' && isInstalled('apt-get')) return installWithApt(namesFor('apt'))
  if (process.platform === 'darwin' && isInstalled('brew'))
    return runs('brew', ['install', ...namesFor('brew')])
  return false
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
