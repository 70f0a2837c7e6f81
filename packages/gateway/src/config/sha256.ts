import type { Read } from './yaml/reading.js'

/**
 * Reads the SHA-256 of a secret. What stands there is not repeated: it may be the secret that somebody has put there by mistake.
 *
 * @param what whose digest it is, such as 'a key'
 * @param writer the command that writes it
 */
export function sha256Of(what: string, writer: string): Read<string> {
  return (node, problems) => {
    if (node.kind === 'scalar' && typeof node.value === 'string' && /^[0-9a-fA-F]{64}$/.test(node.value))
      return node.value.toLowerCase()
    const wanted = `the SHA-256 of ${what} in 64 hexadecimal digits, as \`${writer}\` writes it`
    problems.at(node, `${node.label} is ${wanted}; never ${what.replace(/^a /, 'the ')} itself`)
    return undefined
  }
}
