import type { IncomingMessage } from 'node:http'
import { headerName } from '../../policy/headers/header-name.js'

export interface WithheldNames {
  /** Names of headers that only a trusted proxy may send. */
  readonly claims: readonly string[]
  /** Names of headers that the gateway itself writes, or leaves out. */
  readonly own: readonly string[]
  /**
   * Headers that hold API keys, where what was shown to the gateway stays there. They come before `Authorization`, which is for the upstream
   * where both are there; of `Authorization` only `Bearer …` is for the gateway. Undefined: credentials are forwarded.
   */
  readonly keyHeaders: readonly string[] | undefined
}

/** Names, in lower case, the headers of a request that are not forwarded. Undefined where there are none. */
export type WithheldHeaders = (
  message: Pick<IncomingMessage, 'rawHeaders'>,
  peerTrusted: boolean,
) => ReadonlySet<string> | undefined

/** Says which of a request's headers do not go upstream. All names are in lower case. */
export function withheldHeaders({ claims, own, keyHeaders }: WithheldNames): WithheldHeaders {
  const setsFor = (...names: string[]) => ({
    trusted: setOf(...names, ...own),
    untrusted: setOf(...names, ...own, ...claims),
  })
  const none = setsFor()
  if (keyHeaders === undefined)
    return (_message, peerTrusted) => (peerTrusted ? none.trusted : none.untrusted)
  const [keys, token] = [setsFor(...keyHeaders), setsFor('authorization')]
  return ({ rawHeaders }, peerTrusted) => {
    const has = (names: readonly string[], isOurs = (_value: string) => true) =>
      rawHeaders.some(
        (text, index) =>
          index % 2 === 0 &&
          names.includes(headerName(text).folded) &&
          isOurs(rawHeaders[index + 1] as string),
      )
    const sets = has(keyHeaders) ? keys : has(['authorization'], isBearer) ? token : none
    return peerTrusted ? sets.trusted : sets.untrusted
  }
}

function setOf(...names: string[]): ReadonlySet<string> | undefined {
  return names.length === 0 ? undefined : new Set(names)
}

function isBearer(authorization: string): boolean {
  return /^\s*bearer(?![\w-])/i.test(authorization)
}
