// Installs the programs that the tests start: Redis with redis-cli, Memcached, nginx, OpenSSL and
// Chromium. Does nothing if they are installed. If it cannot install them, it prints one line and exits with 1.
// FastAPI is optional: if it is missing, the script prints one line and the FastAPI tests are
// skipped.
import { spawnSync } from 'node:child_process'
import { CHROMIUM, pathOf } from './programs.js'

/** Programs by their possible names, with their packages. Chromium needs fonts. */
const PROGRAMS = [
  { names: ['redis-server'], apt: ['redis-server'], brew: ['redis'] },
  { names: ['redis-cli'], apt: ['redis-tools'], brew: ['redis'] },
  { names: ['memcached'], apt: ['memcached'], brew: ['memcached'] },
  { names: ['nginx'], apt: ['nginx-light'], brew: ['nginx'] },
  { names: ['openssl'], apt: ['openssl'], brew: ['openssl'] },
  { names: CHROMIUM, apt: ['chromium', 'fonts-liberation'], brew: ['chromium'] },
]

/** Packages on Debian and Ubuntu. */
const FASTAPI = ['python3-fastapi', 'python3-uvicorn']

const missing = PROGRAMS.filter(isMissing)
if (missing.length > 0 && !(install() && !missing.some(isMissing))) {
  const names = missing.map(({ names }) => names[0]).join(', ')
  console.error(
    `The tests need these programs; please install them: ${names} (Redis 6.2 or later, Memcached 1.6).`,
  )
  process.exit(1)
}

if (!hasFastApi() && !(isInstalled('apt-get') && canRunAsRoot() && installWithApt(FASTAPI))) {
  console.error('The FastAPI tests will be skipped: /usr/bin/python3 lacks fastapi and uvicorn.')
}

function install() {
  if (process.platform === 'linux' && isInstalled('apt-get')) return installWithApt(namesFor('apt'))
  if (process.platform === 'darwin' && isInstalled('brew'))
    return succeeds('brew', ['install', ...namesFor('brew')])
  return false
}

/** Returns true if commands can run as root without a password prompt. */
function canRunAsRoot() {
  return process.getuid?.() === 0 || spawnSync('sudo', ['-n', 'true']).status === 0
}

/** Returns true if the system's Python has FastAPI. */
function hasFastApi() {
  return spawnSync('/usr/bin/python3', ['-c', 'import fastapi, uvicorn']).status === 0
}

/** @param {readonly string[]} names */
function installWithApt(names) {
  const options = ['install', '--yes', '--no-install-recommends', ...names]
  return asRoot(['apt-get', ...options]) || (asRoot(['apt-get', 'update']) && asRoot(['apt-get', ...options]))
}

/**
 * Runs a command as root. The environment keeps apt-get from prompting and from starting services,
 * since the tests start the servers themselves.
 *
 * @param {readonly string[]} command
 */
function asRoot(command) {
  const quiet = ['env', 'DEBIAN_FRONTEND=noninteractive', 'RUNLEVEL=1', ...command]
  if (process.getuid?.() === 0) return succeeds('env', quiet.slice(1))
  return isInstalled('sudo') && succeeds('sudo', quiet)
}

/** @param {'apt' | 'brew'} system */
function namesFor(system) {
  return [...new Set(missing.flatMap((each) => each[system]))]
}

/**
 * Returns true if a command succeeds.
 *
 * @param {string} command
 * @param {readonly string[]} args
 */
function succeeds(command, args) {
  return spawnSync(command, args, { stdio: ['ignore', 'ignore', 'inherit'] }).status === 0
}

/** @param {{ names: readonly string[] }} program */
function isMissing({ names }) {
  return pathOf(names) === undefined
}

/** @param {string} program */
function isInstalled(program) {
  return pathOf([program]) !== undefined
}
