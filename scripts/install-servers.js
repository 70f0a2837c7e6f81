// Installs what the tests start: Redis with its command line, Memcached, and Chromium.
// Does nothing if they are installed. If it cannot install them, it prints one line and exits with
// 1. FastAPI is optional: without it, this prints one line and the test of a FastAPI app is
// skipped.
import { spawnSync } from 'node:child_process'
import { CHROMIUM, pathOf } from './programs.js'

/** Programs by their possible names, with the packages that contain them. A browser needs fonts. */
const PROGRAMS = [
  { names: ['redis-server'], apt: ['redis-server'], brew: ['redis'] },
  { names: ['redis-cli'], apt: ['redis-tools'], brew: ['redis'] },
  { names: ['memcached'], apt: ['memcached'], brew: ['memcached'] },
  { names: CHROMIUM, apt: ['chromium', 'fonts-liberation'], brew: ['chromium'] },
]

/** Packages of Debian and Ubuntu. */
const FASTAPI = ['python3-fastapi', 'python3-uvicorn']

const missing = PROGRAMS.filter(isMissing)
if (missing.length > 0 && !(install() && !missing.some(isMissing))) {
  const names = missing.map(({ names }) => names[0]).join(', ')
  console.error(
    `The tests start real programs. Please install: ${names} (Redis 6.2 or later, Memcached 1.6).`,
  )
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

/** Installs optional packages without asking for a password. */
function isRootUnasked() {
  return process.getuid?.() === 0 || spawnSync('sudo', ['-n', 'true']).status === 0
}

/** Reports whether the system's own Python has FastAPI. */
function hasFastApi() {
  return spawnSync('/usr/bin/python3', ['-c', 'import fastapi, uvicorn']).status === 0
}

/** @param {readonly string[]} names */
function installWithApt(names) {
  const options = ['install', '--yes', '--no-install-recommends', ...names]
  return asRoot(['apt-get', ...options]) || (asRoot(['apt-get', 'update']) && asRoot(['apt-get', ...options]))
}

/**
 * Runs a command as root without prompts, and without starting services, since the tests start
 * servers themselves.
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
  return [...new Set(missing.flatMap((each) => each[system]))]
}

/**
 * @param {string} command
 * @param {readonly string[]} args
 */
function runs(command, args) {
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
