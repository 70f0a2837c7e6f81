/** A parsed `Content-Type`. */
export interface MediaType {
  /** `type/subtype` in lower case. */
  readonly type: string
  /** The values of all its `charset` parameters, in lower case. */
  readonly charsets: readonly string[]
}

const TOKEN = "[!#$%&'*+.^_`|~0-9A-Za-z-]+"
const ESSENCE = new RegExp(`[ \\t]*(${TOKEN}/${TOKEN})`, 'y')
const PARAMETER = new RegExp(
  `[ \\t]*;[ \\t]*(?:(${TOKEN})=(?:(${TOKEN})|"((?:[^"\\\\\\x00-\\x08\\x0a-\\x1f\\x7f]|\\\\[\\t -~])*)"))?`,
  'y',
)
const END = /[ \t]*$/y

/**
 * Parses a media type (RFC 9110 section 8.3.1) in linear time.
 *
 * @returns undefined if the text is not a media type, or if servers might disagree about its
 *   charset (`charset*=`, an escape)
 */
export function parseMediaType(text: string): MediaType | undefined {
  ESSENCE.lastIndex = 0
  const type = ESSENCE.exec(text)?.[1]?.toLowerCase()
  if (type === undefined) return undefined
  const charsets: string[] = []
  let at = ESSENCE.lastIndex
  for (;;) {
    PARAMETER.lastIndex = at
    const parameter = PARAMETER.exec(text)
    if (parameter === null) break
    at = PARAMETER.lastIndex
    const [, name = '', token, quoted] = parameter
    const spelling = name.toLowerCase()
    if (!spelling.startsWith('charset')) continue
    if (spelling !== 'charset' || quoted?.includes('\\')) return undefined
    charsets.push((token ?? quoted ?? '').toLowerCase())
  }
  END.lastIndex = at
  return END.test(text) ? { type, charsets } : undefined
}
