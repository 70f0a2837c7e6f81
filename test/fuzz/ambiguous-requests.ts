import fc from 'fast-check'

/** A request for as many rows as an application finds in it, in one of the ways that servers read differently. */
export interface AmbiguousRequest {
  readonly query: string
  readonly headers: readonly (readonly [string, string])[]
  readonly body: Buffer
}

const rows = fc.nat({ max: 9 }).map((count) => JSON.stringify(Array.from({ length: count }, (_, n) => n)))
const name = fc.constantFrom(
  'data',
  'data',
  'data',
  'x',
  'y',
  'z',
  'd\\u0061ta',
  'Data',
  '\\u0064ata',
  'x',
  '__proto__',
)
const member = fc.tuple(name, rows).map(([key, value]) => `"${key}":${value}`)
const document = fc.array(member, { minLength: 1, maxLength: 3 }).map((members) => `{${members.join(',')}}`)
const text = fc.oneof(
  { weight: 8, arbitrary: document },
  { weight: 1, arbitrary: fc.tuple(document, document).map((both) => both.join('')) },
  { weight: 1, arbitrary: rows },
  { weight: 1, arbitrary: document.map((json) => `\ufeff${json}`) },
  { weight: 1, arbitrary: document.map((json) => json.replace('0', 'NaN')) },
)
const utf8: BufferEncoding[] = new Array(8).fill('utf8')
const encoding = fc.constantFrom<BufferEncoding>(...utf8, 'utf16le', 'latin1')
const contentType = fc.constantFrom(
  ...new Array<string>(12).fill('application/json'),
  ...['application/json', 'application/json', 'application/json', 'application/json; charset=utf-8'],
  ...[
    'application/json; charset=utf-7',
    'application/json; charset=utf-16',
    'application/json; charset=latin1',
  ],
  ...['application/json; charset=utf-8; charset=utf-16', 'text/plain', 'application/x-www-form-urlencoded'],
  ...['application/vnd.api+json', 'application/json, text/plain'],
)
const parameter = fc
  .tuple(fc.constantFrom('n', 'n', 'n', '%6e', 'N', 'n[]', 'n%5B%5D', ' n', 'x'), fc.nat({ max: 9 }))
  .map(([key, value]) => `${encodeURI(key).replaceAll('%25', '%')}=${value}`)
const oddQuery = fc
  .tuple(fc.array(parameter, { minLength: 1, maxLength: 3 }), fc.constantFrom('&', '&', ';'))
  .map(([parameters, separator]) => parameters.join(separator))
const query = fc.oneof(
  { weight: 3, arbitrary: fc.nat({ max: 9 }).map((n) => `n=${n}&x=1&x=2`) },
  { weight: 1, arbitrary: oddQuery },
)

/** Requests whose body or query are ambiguous, malformed, or neither. */
export const ambiguousRequest: fc.Arbitrary<AmbiguousRequest> = fc
  .record({ text, encoding, query, types: fc.array(contentType, { minLength: 1, maxLength: 1 }) })
  .map(({ text, encoding, query, types }) => ({
    query,
    headers: types.map((type) => ['content-type', type] as const),
    body: Buffer.from(text, encoding),
  }))
