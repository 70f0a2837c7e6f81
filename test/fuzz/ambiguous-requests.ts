import { gzipSync } from 'node:zlib'
import fc from 'fast-check'

/** A request for some rows, possibly in a form that servers interpret differently. */
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
const plainDocument = rows.map((data) => `{"data":${data},"x":1}`)
const text = fc.oneof(
  { weight: 12, arbitrary: plainDocument },
  { weight: 8, arbitrary: document },
  { weight: 1, arbitrary: fc.tuple(document, document).map((both) => both.join('')) },
  { weight: 1, arbitrary: rows },
  { weight: 1, arbitrary: document.map((json) => `\ufeff${json}`) },
  { weight: 1, arbitrary: document.map((json) => json.replace('0', 'NaN')) },
)
const utf8: BufferEncoding[] = new Array(20).fill('utf8')
const encoding = fc.constantFrom<BufferEncoding>(...utf8, 'utf16le', 'latin1')
const oddContentType = fc.constantFrom<string>(
  ...[
    'application/json; charset=utf-7',
    'application/json; charset=utf-16',
    'application/json; charset=latin1',
  ],
  ...[
    'application/json; charset=utf-8; charset=utf-16',
    'application/json;charset="utf-16"',
    'application/json;',
  ],
  ...["application/json; charset*=utf-16''utf-16", 'application/json; charset="ut\\f-8"', 'APPLICATION/JSON'],
  ...['text/plain', 'application/x-www-form-urlencoded', 'application/vnd.api+json', 'multipart/form-data'],
  ...['application/json, text/plain', 'application/json;charset=utf-8;x="charset=utf-16"', 'text/json', ''],
)
const contentTypes = fc.oneof(
  {
    weight: 20,
    arbitrary: fc.constantFrom<string[]>(['application/json'], ['application/json; charset=utf-8']),
  },
  { weight: 4, arbitrary: oddContentType.map((type): string[] => [type]) },
  {
    weight: 1,
    arbitrary: fc.constantFrom<string[]>(
      [],
      ['application/json', 'text/plain'],
      ['text/plain', 'application/json'],
    ),
  },
)
const parameter = fc
  .tuple(
    fc.constantFrom(
      ...[
        'n',
        'n',
        'n',
        '%6e',
        'N',
        'n[]',
        'n%5B%5D',
        ' n',
        'x',
        '[n]',
        '%5Bn%5D',
        'n[a]',
        'n[%FF]',
        'n%00',
        'n.',
      ],
    ),
    fc.nat({ max: 9 }),
  )
  .map(([key, value]) => `${encodeURI(key).replaceAll('%25', '%')}=${value}`)
const oddQuery = fc
  .tuple(fc.array(parameter, { minLength: 1, maxLength: 3 }), fc.constantFrom('&', '&', ';'))
  .map(([parameters, separator]) => parameters.join(separator))
const query = fc.oneof(
  { weight: 3, arbitrary: fc.nat({ max: 9 }).map((n) => `n=${n}&x=1&x=2`) },
  { weight: 1, arbitrary: oddQuery },
)

/** A header with a name that a server may confuse with the header of a rule. */
const rowsHeader: fc.Arbitrary<string[]> = fc.tuple(
  fc.constantFrom<string>('X-Rows', 'X-Rows', 'x-rows', 'X_Rows', 'X.Rows', 'X-rows', 'HTTP_X_ROWS', 'X-Row'),
  fc.nat({ max: 9 }).map(String),
)
/** The header of a rule with a value that servers may parse differently. */
const oddRowsHeader: fc.Arbitrary<string[]> = fc.tuple(
  fc.constant('X-Rows'),
  fc.constantFrom<string>('', '+5', '05', '0x10', '1e1', '5, 60', '5;60', '5.0', '1_0', '-1', ' 7 '),
)
/** A header that may change how a server interprets the request. */
const steeringHeader = fc.constantFrom<string[]>(
  ['Content_Type', 'text/plain'],
  ['Content.Type', 'application/json'],
  ['X-Content-Type', 'application/json; charset=utf-16'],
  ['Content-Encoding', 'gzip'],
  ['Content-Encoding', 'identity'],
  ['Content_Encoding', 'gzip'],
  ['Content_Length', '2'],
  ['X-HTTP-Method-Override', 'PUT'],
  ['X-Original-URL', '/rows?n=900'],
  ['X-Rewrite-URL', '/rows?n=900'],
  ['Query-String', 'n=900'],
  ['QUERY_STRING', 'n=900'],
  ['Connection', 'X-Rows'],
  ['Connection', 'keep-alive, x_rows'],
  ['Connection', 'Content-Type, Content-Encoding'],
  ['Expect', '100-continue'],
)
const otherHeaders = fc.oneof(
  { weight: 4, arbitrary: fc.nat({ max: 9 }).map((rows) => [['X-Rows', `${rows}`]]) },
  { weight: 1, arbitrary: rowsHeader.map((header) => [header]) },
  { weight: 1, arbitrary: fc.array(fc.oneof(rowsHeader, oddRowsHeader, steeringHeader), { maxLength: 3 }) },
)

/** True if the body is compressed. Other headers may hide the encoding. */
const compressed = fc.oneof({ weight: 30, arbitrary: fc.constant(false) }, fc.constant(true))

/** Generates requests whose body, query or headers are ambiguous, malformed or valid. */
export const ambiguousRequest: fc.Arbitrary<AmbiguousRequest> = fc
  .record({ text, encoding, query, contentTypes, otherHeaders, compressed })
  .map(({ text, encoding, query, contentTypes, otherHeaders, compressed }) => {
    const body = Buffer.from(text, encoding)
    const types = contentTypes.map((type) => ['Content-Type', type] as const)
    const headers = otherHeaders.map(([name = '', value = '']) => [name, value] as const)
    return {
      query,
      headers: compressed ? [...types, ...headers, ['Content-Encoding', 'gzip']] : [...types, ...headers],
      body: compressed ? gzipSync(body) : body,
    }
  })
