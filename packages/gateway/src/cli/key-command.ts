import { createKey, type NewKey } from '../server/identity/create-key.js'
import type { Output } from './check-command.js'

export interface KeyOptions extends NewKey {
  /** The file that its hash is added to. */
  readonly file: string
}

/**
 * Makes an API key: writes it to the standard output, once, and its hash to the file.
 *
 * @throws ConfigError where the file is wrong.
 */
export async function newKeyCommand({ file, ...about }: KeyOptions, { out, err }: Output): Promise<void> {
  const key = await createKey(file, about)
  err.write(`This key is shown once; ${file} has its hash.\n`)
  out.write(`${key}\n`)
}
