import { keyDigest, newKey } from 'sluice/identity'
import type { Output } from './check-command.js'

/** Makes an admin token: writes it to the standard output, once, and what stands for it in the configuration beside. */
export function newTokenCommand({ out, err }: Output): void {
  const token = newKey()
  err.write(
    `This token is shown once. In the configuration: admin: { listen: …, token_sha256: ${keyDigest(token)} }\n`,
  )
  out.write(`${token}\n`)
}
