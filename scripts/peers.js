import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The virtual environment that scripts/install-peers.js makes. */
export const PEERS_FOLDER = fileURLToPath(new URL('../node_modules/.cache/sluice-peers', import.meta.url))

/**
 * The path of a program that is installed there, such as `gunicorn` or `python`.
 *
 * @param {string} name
 */
export function peerProgram(name) {
  return join(PEERS_FOLDER, 'bin', name)
}
