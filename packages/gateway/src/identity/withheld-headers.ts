import { sameName } from '../proxy/header-name.js'
import type { ClientReader } from './client-reader.js'

/**
 * Which of a request's headers do not go upstream.
 *
 * @param claims names of those that only a trusted proxy may send
 * @param credentials whether what was shown to the gateway stays there. `X-API-Key` stands before `Authorization`, which is for the upstream where
 *   both are there; of `Authorization` only `Bearer …` is for the gateway.
 */
export function withheldHeaders(claims: readonly string[], credentials: boolean): ClientReader['withheld'] {
  const setOf = (...names: string[]) => (names.length === 0 ? undefined : new Set(names))
  if (!credentials) {
    const untrusted = setOf(...claims)
    return (_message, peerTrusted) => (peerTrusted ? undefined : untrusted)
  }
  const setsFor = (...names: string[]) => ({
    trusted: setOf(...names),
    untrusted: setOf(...names, ...claims),
  })
  const [key, token, none] = [setsFor('x-api-key'), setsFor('authorization'), setsFor()]
  return ({ rawHeaders }, peerTrusted) => {
    const has = (name: string, isOurs = (_value: string) => true) =>
      rawHeaders.some(
        (text, index) =>
          index % 2 === 0 && sameName(text) === name && isOurs(rawHeaders[index + 1] as string),
      )
    const sets = has('x-api-key') ? key : has('authorization', isBearer) ? token : none
    return peerTrusted ? sets.trusted : sets.untrusted
  }
}

function isBearer(authorization: string): boolean {
  return /^\s*bearer(\s|$)/i.test(authorization)
}
