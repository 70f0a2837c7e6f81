import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'

/** What Chromium is called, by system. */
export const CHROMIUM = ['chromium', 'chromium-browser', 'google-chrome']

/**
 * Where the first of these programs is that there is; undefined where there is none.
 *
 * @param {readonly string[]} names
 * @returns {string | undefined}
 */
export function pathOf(names) {
  const folders = (process.env.PATH ?? '').split(delimiter)
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
