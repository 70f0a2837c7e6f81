import { keyDigest, newKey } from 'sluice/identity'
import { createKey, type NewKey } from '../server/identity/create-key.js'
import type { Output } from './check-command.js'

export interface KeyOptions extends NewKey {
  /** The keys file that receives the hash. */
  readonly file: string
}

/**
 * Creates an API key, prints it once and appends its hash to the keys file.
 *
 * @throws ConfigError if the keys file is invalid
 */
export async function newKeyCommand(
  { file, ...properties }: KeyOptions,
  { out, err }: Output,
): Promise<void> {
  const key = await createKey(file, properties)
  err.write(`This key is shown only once. Its hash was added to ${file}.\n`)
  out.write(`${key}\n`)
}

/** Creates an admin token and prints it once, with the hash that belongs in the configuration. */
export function newTokenCommand({ out, err }: Output): void {
  const token = newKey()
  err.write(
    `This token is shown only once. Add its hash to the configuration: admin: { listen: …, token_sha256: ${keyDigest(token)} }\n`,
  )
  out.write(`${token}\n`)
}
