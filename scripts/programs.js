import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'

/** Names of Chromium's executable on different systems. */
export const CHROMIUM = ['chromium', 'chromium-browser', 'google-chrome']

/**
 * Returns the path of the first installed program; undefined if none is installed.
 *
 * @param {readonly string[]} names
 * @returns {string | undefined}
 */
export function pathOf(names) {
  // Debian installs nginx in a folder that is not in the PATH of every user.
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin']
  return names.flatMap((name) => folders.map((folder) => join(folder, name))).find(isExecutable)
}

/** @param {string} path */
function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
