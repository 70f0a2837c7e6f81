import { keyDigest, newKey } from 'sluice/identity'
import type { Output } from './check-command.js'

/** Creates an admin token and prints it once, with the hash that belongs in the configuration. */
export function newTokenCommand({ out, err }: Output): void {
  const token = newKey()
  err.write(
    `This token is shown only once. Add its hash to the configuration: admin: { listen: …, token_sha256: ${keyDigest(token)} }\n`,
  )
  out.write(`${token}\n`)
}
