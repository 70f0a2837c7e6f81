import { z } from 'zod'
import type { CorsConfig } from '../config.js'
import { type Decoder, mapOf, oneOrListOf, scalar, transform, withKeysOf } from '../yaml/decoders.js'
import { boolean, string, timeoutOrZero } from '../yaml/scalars.js'

const MAX_ENTRIES = 1000
const DEFAULT_METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'] as const
const DEFAULT_MAX_AGE_MS = 600_000
/** Browsers cap the age of preflights at 24 hours or less. */
const MAX_AGE_MS = 86_400_000

const origin: Decoder<string> = transform(string('https://app.example'), (text) => {
  if (text === '*' || isOrigin(text)) return text
  const advice = URL.canParse(text) ? new URL(text).origin : 'null'
  const example = advice === 'null' || advice.includes('*') ? 'https://app.example' : advice
  throw new TypeError(
    `'${text}' is not an origin; write the scheme, host and port alone, as in ${example}, or '*' for every origin`,
  )
})

/** Origins are compared exactly, so an entry that no browser sends is rejected. */
function isOrigin(text: string): boolean {
  if (!/^[a-z][a-z0-9+.-]*:\/\/[^/?#@\s*]{1,300}$/.test(text)) return false
  return !/^https?:/.test(text) || (URL.canParse(text) && new URL(text).origin === text)
}

const method = scalar(z.string().regex(/^([A-Z]{1,20}|\*)$/), "a method in upper case such as POST, or '*'")

const requestHeader = scalar(
  z.string().regex(/^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}$/),
  "the name of a header such as Authorization, or '*'",
)

const corsMap = mapOf(
  {
    origins: withoutRest(
      oneOrListOf(origin, 'an origin or a list of origins such as [https://app.example]', MAX_ENTRIES),
      'origins',
    ),
    methods: withoutRest(oneOrListOf(method, 'a list of methods such as [GET, POST]', 100), 'methods'),
    headers: withoutRest(
      oneOrListOf(requestHeader, 'a list of headers such as [Authorization, Content-Type]', 100),
      'headers',
    ),
    credentials: boolean,
    max_age: transform(timeoutOrZero, (age) => {
      if (age > MAX_AGE_MS) throw new RangeError("'max_age' must be at most 24 hours; write a shorter one")
      return age
    }),
  },
  "'off', or a map such as { origins: [https://app.example] }",
)

/** Decodes `cors`: the origins whose pages may call the API, or `off`. */
export const decodeCors: Decoder<CorsConfig | 'off'> = withKeysOf(corsMap, (node, problems) => {
  if (node.kind === 'scalar' && (node.value === false || node.value === 'off')) return 'off'
  const values = corsMap(node, problems)
  if (values === undefined || node.kind !== 'map') return undefined
  const { origins = [], methods = DEFAULT_METHODS, headers = '*', credentials = false, max_age } = values
  const originsNode = node.entries.get('origins')?.value
  if (originsNode === undefined)
    problems.at(node, "'cors' requires 'origins', as in { origins: [https://app.example] }")
  else if (credentials && origins === '*')
    problems.at(
      originsNode,
      "'*' cannot be combined with 'credentials: true', since any page could then act as its visitor; list the origins",
    )
  const maxAgeSeconds = Math.floor((max_age ?? DEFAULT_MAX_AGE_MS) / 1000)
  return { origins, methods, headers, credentials, maxAgeSeconds }
})

/** Decodes a list in which `*` stands for everything and must be the only entry. */
function withoutRest(decode: Decoder<readonly string[]>, key: string): Decoder<readonly string[] | '*'> {
  return transform(decode, (entries) => {
    if (!entries.includes('*')) return entries
    if (entries.length > 1)
      throw new TypeError(`'*' in '${key}' includes everything; remove '*', or the other entries`)
    return '*'
  })
}
