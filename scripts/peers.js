import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The virtual environment that scripts/install-peers.js creates. */
export const PEERS_FOLDER = fileURLToPath(new URL('../node_modules/.cache/sluice-peers', import.meta.url))

/**
 * Returns the path of a program in the environment, such as `gunicorn` or `python`.
 *
 * @param {string} name
 */
export function peerProgram(name) {
  return join(PEERS_FOLDER, 'bin', name)
}
