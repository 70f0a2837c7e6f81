import type { IncomingMessage } from 'node:http'
import { headerName } from '../../policy/headers/header-name.js'

/** Lower-case names of headers that are not forwarded. */
export interface WithheldNames {
  /** Headers that only a trusted proxy may send. */
  readonly claims: readonly string[]
  /** Headers that the gateway writes itself. */
  readonly own: readonly string[]
  /**
   * Headers that carry API keys for the gateway; undefined if credentials are forwarded. If a
   * request has both an API key and `Authorization`, only the API key is withheld. Without an API
   * key, `Authorization: Bearer …` is withheld.
   */
  readonly keyHeaders: readonly string[] | undefined
}

/**
 * Returns the lower-case names of a request's headers that are not forwarded; undefined if none.
 */
export type WithheldHeaders = (
  message: Pick<IncomingMessage, 'rawHeaders'>,
  peerTrusted: boolean,
) => ReadonlySet<string> | undefined

/** Creates the function that selects the headers to withhold. */
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
    const has = (names: readonly string[], matches = (_value: string) => true) =>
      rawHeaders.some(
        (name, index) =>
          index % 2 === 0 &&
          names.includes(headerName(name).folded) &&
          matches(rawHeaders[index + 1] as string),
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
