import { KeyError } from './key-error.js'

/** The length of a key's ID, in hexadecimal digits. */
const ID_LENGTH = 8

export function idOf(digest: string): string {
  return digest.slice(0, ID_LENGTH)
}

/** Checks the ID in a command, which may be a part of the ID. @throws KeyError */
export function checkId(id: string): string {
  if (/^[0-9a-f]{4,64}$/i.test(id)) return id.toLowerCase()
  throw new KeyError(
    'invalid',
    `the ID of a key is its first ${ID_LENGTH} hexadecimal digits, or at least 4 of them, such as 1f2e3d4c; \`sluice key list\` shows it`,
  )
}

/** @param suggestion the ID of a similar key, if there is one */
export function missingKey(id: string, suggestion: string | undefined): KeyError {
  const hint =
    suggestion === undefined ? '`sluice key list` shows the IDs of all keys' : `did you mean '${suggestion}'?`
  return new KeyError('missing', `there is no key '${id}'; ${hint}`)
}

/** @param digests digests that begin with the ID */
export function ambiguousKey(id: string, digests: readonly string[]): KeyError {
  const shown = digests.slice(0, 3).map((digest) => digest.slice(0, Math.max(ID_LENGTH, id.length + 4)))
  return new KeyError(
    'conflict',
    `several keys begin with '${id}': ${shown.join(', ')}${digests.length > 3 ? ', …' : ''}; write more digits`,
  )
}
