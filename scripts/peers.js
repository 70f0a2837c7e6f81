import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const CACHE = fileURLToPath(new URL('../node_modules/.cache/', import.meta.url))

/**
 * Sets of other servers, by name. `tests` is for test/peers, the others are for bench/src/peers.
 * Each has a folder of its own, because their dependencies conflict and each may fail to install.
 *
 * @type {Readonly<Record<string, { readonly requirements: string } | { readonly goPackage: string }>>}
 */
export const PEER_SETS = {
  tests: { requirements: 'test/peers/requirements.txt' },
  fastapi: { requirements: 'bench/src/peers/fastapi/requirements.txt' },
  litellm: { requirements: 'bench/src/peers/litellm/requirements.txt' },
  envoy: { requirements: 'bench/src/peers/envoy/requirements.txt' },
  ratelimit: {
    goPackage: 'github.com/envoyproxy/ratelimit/src/service_cmd@v1.4.1-0.20260122083618-3fb702589d36',
  },
}

/**
 * Returns the folder into which scripts/install-peers.js installs a set.
 *
 * @param {string} name
 */
export function peerFolder(name) {
  return join(CACHE, `sluice-peers-${name}`)
}

/**
 * Returns the path of a program that the tests use, such as `gunicorn` or `python`.
 *
 * @param {string} program
 */
export function peerProgram(program) {
  return join(peerFolder('tests'), 'bin', program)
}
