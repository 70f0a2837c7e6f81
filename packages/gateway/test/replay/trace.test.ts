import { PassThrough } from 'node:stream'
import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Trace } from '../../src/replay/trace/trace.js'
import { readAll } from './traces.js'

const epochMs = (text: string) => Date.parse(text)

describe('the trace reader', () => {
  it('reads the format of the Azure traces, with times in units of 100 ns and no final newline', async () => {
    const { requests, origin } = await readAll(
      'TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:17:03.9799600,4808,10\n2023-11-16 18:17:04.0319600,3180,8',
    )
    expect(requests).toMatchObject([
      { input: 4808, output: 10 },
      { input: 3180, output: 8 },
    ])
    expect(origin + (requests[0]?.at ?? 0)).toBeCloseTo(epochMs('2023-11-16T18:17:03Z') + 979.96, 2)
    expect((requests[1]?.at ?? 0) - (requests[0]?.at ?? 0)).toBeCloseTo(52, 6)
  })

  it('reads CSV with quotes, separators and newlines in fields, semicolons, a byte order mark and carriage returns', async () => {
    const { requests } = await readAll(
      '\uFEFFtime;client;path\r\n1700000000;"a;""b""\nc";/x\r\n1700000001;d;/y\r\n',
    )
    expect(requests).toMatchObject([
      { client: 'a;"b"\nc', target: '/x' },
      { client: 'd', target: '/y' },
    ])
  })

  it('reads arbitrary CSV fields, quoted where necessary, in chunks of any size', async () => {
    const field = fc.string({ unit: fc.constantFrom('a', '"', ',', '\n', ';', 'é', ' '), maxLength: 8 })
    const record = fc.tuple(field, field, fc.boolean())
    const csvField = (text: string, quoted: boolean) =>
      quoted || /["\n,]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
    await fc.assert(
      fc.asyncProperty(
        fc.array(record, { minLength: 1, maxLength: 20 }),
        fc.integer({ min: 1, max: 40 }),
        async (records, size) => {
          const lines = records.map(
            ([client, agent, quoted], at) => `${at},${csvField(client, quoted)},${csvField(agent, quoted)}`,
          )
          const { requests, reading } = await readAll(['time,client,agent', ...lines].join('\n'), {}, size)
          expect(requests.map(({ client }) => client ?? '')).toEqual(records.map(([client]) => client.trim()))
          expect(reading.bad.count).toBe(0)
        },
      ),
    )
  })

  it('abandons an unclosed quote at the maximum line length', async () => {
    const lines = Array.from({ length: 20_000 }, (_, at) => `${at + 2},b,${'x'.repeat(60)}`)
    const { requests, reading } = await readAll(
      ['time,client,agent', '0,a,x', '1,"a,x', ...lines].join('\n'),
      {},
      2 ** 16,
    )
    expect(reading.bad).toMatchObject({ count: 1, first: [{ problem: 'unclosed quote' }] })
    expect(requests.length).toBeGreaterThan(1000)
  })

  it('reads JSON lines with nested members', async () => {
    const { requests, reading } = await readAll(
      '{"ts":1700000000123,"who":{"id":"u1"},"usage":{"prompt_tokens":5}}\n{"ts":1700000000124,"who":{}}\n',
      { columns: 'client=who.id,input_tokens=usage.prompt_tokens' },
    )
    expect(requests).toMatchObject([
      { client: 'u1', input: 5 },
      { client: undefined, input: undefined },
    ])
    expect(reading.format).toBe('jsonl')
  })

  it('subtracts the duration from the time in an access log to get the arrival time', async () => {
    const { requests, origin } = await readAll(
      [
        '192.0.2.1 - alice [10/Oct/2000:13:55:36 -0700] "GET /a?x=1 HTTP/1.1" 200 2326 "-" "curl/8"',
        '192.0.2.2 - - [10/Oct/2000:13:55:38 -0700] "POST /b HTTP/1.1" 200 10 "-" "curl \\"8\\"" rt=1.250',
      ].join('\n'),
    )
    expect(requests).toMatchObject([
      { client: 'alice', ip: '192.0.2.1', method: 'GET', target: '/a?x=1', duration: undefined },
      { client: undefined, ip: '192.0.2.2', method: 'POST', target: '/b', duration: 1250 },
    ])
    expect(requests.map(({ at }) => origin + at)).toEqual([
      epochMs('2000-10-10T20:55:36Z'),
      epochMs('2000-10-10T20:55:36.750Z'),
    ])
  })

  it.each([
    ['"-" "curl/8 5.25"', undefined],
    ['"-" "Mozilla/5.0 rv:1.25"', undefined],
    ['"-" "0.245"', undefined],
    ['"http://a/ rt=3.5" "-"', undefined],
    ['"-" "say \\"hello\\" 1.5"', undefined],
    ['"-" "cut off 1.5', undefined],
    ['"-" "raw " quote 1.5"', undefined],
    ['"-" "curl/8 5.25" 0.5', 500],
    ['"-" "curl/8" "0.5"', 500],
    ['"-" "curl/8" "10.0.0.1, 1.5"', undefined],
    ['"-" "curl/8" rt=0.5', 500],
    ['"-" "curl/8" rt="0.5"', 500],
    ['"-" "curl/8" rt:0.5', 500],
    ['"-" "curl/8" uct="0.001" rt=0.5  ', 500],
    ['"-" "curl/8" rt=0.5 upstream=-', undefined],
    ['0.5', 500],
  ])('reads an access log line that ends with %s as %s ms', async (end, duration) => {
    const line = `2001:db8::1 - - [10/Oct/2000:13:55:36 -0700] "GET / HTTP/1.1" 200 2326 ${end}`
    expect((await readAll(line)).requests).toMatchObject([{ duration }])
  })

  it.each([
    ['s', [0, 1e10, 2e11], [0, 1e13, 2e14]],
    ['ms', [1.7e12, 1.7e12 + 5, 1.8e14], [0, 5, 1.8e14 - 1.7e12]],
    ['us', [1.6e15, 1.6e15 + 5000, 2.5e17], [0, 5, (2.5e17 - 1.6e15) / 1000]],
  ] as const)('keeps the inferred unit %s as times grow, and reports it', async (unit, times, offsets) => {
    const { requests, reading } = await readAll(`time\n${times.join('\n')}`, { reorder: 0 })
    const [first] = requests
    expect(requests.map(({ at }) => at - (first?.at ?? 0))).toEqual([...offsets])
    expect(reading.timeUnit).toBe(unit)
  })

  it.each([
    ['time_us\n0\n2500000', 'us', undefined],
    ['t\n0\n2500000000', 'ns', 'time=t:ns'],
    ['time\n2023-11-14T22:13:20Z\n2023-11-14T22:13:22.5Z', null, undefined],
  ])('uses a stated unit for all times: case %#', async (text, unit, columns) => {
    const { requests, reading } = await readAll(text, { reorder: 0, columns })
    expect(requests.map(({ at }) => at)).toEqual([0, 2500])
    expect(reading.timeUnit).toBe(unit)
  })

  it('reads gzip with one or several members, even if it is incomplete', async () => {
    const [one, two] = [gzipSync('time\n1700000000\n'), gzipSync('1700000001\n')]
    for (const size of [1, 7])
      expect((await readAll(Buffer.concat([one, two]), {}, size)).requests).toHaveLength(2)
    const long = gzipSync(`time\n${'1700000000\n'.repeat(50_000)}`, { level: 0 })
    const { requests, reading } = await readAll(long.subarray(0, 200_000))
    expect(requests.length).toBeGreaterThan(1000)
    expect(reading.truncated).toBe(true)
  })

  it.each([
    ['1700000000', '2023-11-14T22:13:20Z'],
    ['1700000000.5', '2023-11-14T22:13:20.500Z'],
    ['1700000000500', '2023-11-14T22:13:20.500Z'],
    ['1700000000500000', '2023-11-14T22:13:20.500Z'],
    ['1700000000500000000', '2023-11-14T22:13:20.500Z'],
    ['2023-11-14T22:13:20.5Z', '2023-11-14T22:13:20.500Z'],
    ['2023-11-15 00:13:20.5+02:00', '2023-11-14T22:13:20.500Z'],
    ['2023-11-14T22:13:20.500000000', '2023-11-14T22:13:20.500Z'],
  ])('parses the time %s', async (written, meant) => {
    const { requests, origin } = await readAll(`time\n${written}\n`)
    expect(origin + (requests[0]?.at ?? 0)).toBe(epochMs(meant))
  })

  it('reads a unit from the mapping or from the name of the column', async () => {
    const { requests } = await readAll('t,latency_ms,x\n1500,20,0.5\n', { columns: 'time=t:ms' })
    expect(requests).toMatchObject([{ duration: 20 }])
    const { requests: mapped } = await readAll('t,x\n1500,0.5\n', { columns: 'time=t:ms,duration=x:s' })
    expect(mapped).toMatchObject([{ duration: 500 }])
  })
})

describe('the trace reader, given unreadable lines,', () => {
  it('counts unreadable lines and lists them with their numbers', async () => {
    const { requests, reading } = await readAll(
      'time,client,input_tokens\n1700000000,a,5\nnever,b,5\n\n1700000001,c\n1700000002,d,-5\n1700000003,e,1.5\n2023-02-30 00:00:00,f,1\n1700000004,g,7\n',
    )
    expect(requests.map(({ client }) => client)).toEqual(['a', 'g'])
    expect(reading).toMatchObject({ lines: 9, requests: 2, bad: { count: 5 } })
    expect(reading.bad.first).toEqual([
      { line: 3, problem: "'never' is not a valid time" },
      { line: 5, problem: '2 fields, but the header has 3' },
      { line: 6, problem: "input_tokens must be a number, zero or more, not '-5'" },
      { line: 7, problem: "input_tokens must be a whole number, not '1.5'" },
      { line: 8, problem: "'2023-02-30 00:00:00' is not a valid time" },
    ])
  })

  it('treats a quote within a field as a character, which does not swallow the following lines', async () => {
    const { requests, reading } = await readAll(
      'time,client,agent\n1,a,x\n2,b,5" disk\n3,c,x\n4,d,"7"" disk, or\n8"""\n5,e,9" disk\n6,f,"g" h\n7,i,x\n',
    )
    expect(requests.map(({ client }) => client)).toEqual(['a', 'b', 'c', 'd', 'e', 'i'])
    expect(reading.bad.first).toEqual([{ line: 8, problem: 'unexpected characters after a closing quote' }])
  })

  it('counts an object without a time as unreadable, even if it is the first', async () => {
    const { requests, reading } = await readAll('{"started":true}\n{"time":1,"client":"a"}\n{"client":"b"}\n')
    expect(requests.map(({ client }) => client)).toEqual(['a'])
    expect(reading.bad.first).toEqual([
      { line: 1, problem: expect.stringContaining('no time column found') },
      { line: 3, problem: 'the time is missing' },
    ])
  })

  it.each([
    ['user', `192.0.2.1 - ${'u'.repeat(257)} [10/Oct/2000:13:55:36 -0700] "GET /a HTTP/1.1" 200 1`],
    ['address', `${'1'.repeat(257)} - alice [10/Oct/2000:13:55:36 -0700] "GET /a HTTP/1.1" 200 1`],
    ['path', `192.0.2.1 - alice [10/Oct/2000:13:55:36 -0700] "GET /${'a'.repeat(8192)} HTTP/1.1" 200 1`],
  ])('counts an access log line with an overlong %s as unreadable', async (_, line) => {
    const good = '192.0.2.1 - alice [10/Oct/2000:13:55:36 -0700] "GET /a HTTP/1.1" 200 1'
    const { requests, reading } = await readAll(`${good}\n${line}\n${good}\n`)
    expect(requests).toHaveLength(2)
    expect(reading.bad.first).toEqual([
      { line: 2, problem: expect.stringMatching(/^\w+ is longer than \d+ characters$/) },
    ])
  })

  it('skips an overlong line and reads the next one', async () => {
    const { requests, reading } = await readAll(
      Buffer.from(`time\n1700000000\n${'9'.repeat(3 * 2 ** 20)}\n1700000001\n`),
    )
    expect(requests).toHaveLength(2)
    expect(reading.bad.count).toBe(1)
  })

  it.each([
    ['', 'the trace contains no requests'],
    ['time,client\n', 'the trace contains no requests'],
    ['a,b\n1,2\n', 'no time column found among a, b; choose one with --columns time=NAME'],
    [`time\n${'x\n'.repeat(200)}`, "not a trace in the format csv: line 2: 'x' is not a valid time"],
    [`{"time":1}${'\n{'.repeat(200)}`, ''],
    ['\u001b[2Jtime,x\n1,2\n', 'among ?[2Jtime, x;'],
  ])('rejects a file that is not a trace: case %#', async (text, message) => {
    if (message === '') expect((await readAll(text)).reading.bad.count).toBe(200)
    else await expect(readAll(text)).rejects.toThrow(message)
  })

  it.each(['plain', 'gzip'])(
    'stops reading a file that is not a trace before its end (%s)',
    async (encoding) => {
      const text = Buffer.from('a,b\n1,2\n')
      const stream = new PassThrough()
      stream.write(encoding === 'gzip' ? gzipSync(text) : text)
      const trace = await Trace.open(stream, {})
      const readRequests = async () => {
        for await (const _ of trace.requests());
      }
      await expect(readRequests()).rejects.toThrow('no time column found')
      expect(stream.destroyed).toBe(true)
    },
  )

  it.each([
    ['time=t', "unknown column 't'; the columns are when, who"],
    ['time=whn', "unknown column 'whn' (did you mean 'when'?)"],
    ['clent=who', "unknown field 'clent' (did you mean client?)"],
    ['time', "expected FIELD=COLUMN, as in time=ts,client=user, not 'time'"],
  ])('rejects the column mapping %s', async (columns, message) => {
    await expect(readAll('when,who\n1,2\n', { columns })).rejects.toThrow(message)
  })
})

describe('the reordering of requests', () => {
  const times = [5, 1, 3, 2, 9, 4].map((second) => `${1_700_000_000 + second}`)
  const text = `time\n${times.join('\n')}\n`

  it('sorts requests within the reordering window', async () => {
    const { requests, origin, reading } = await readAll(text, { reorder: 10_000 })
    expect(requests.map(({ at }) => (origin + at) / 1000 - 1_700_000_000)).toEqual([1, 2, 3, 4, 5, 9])
    expect(reading).toMatchObject({ late: 0 })
  })

  it('counts requests outside the window and reports the window that they require', async () => {
    const { reading } = await readAll(text, { reorder: 0 })
    expect(reading.late).toBeGreaterThan(0)
    expect(reading.latest).toBe(5000)
  })

  it('returns the same order and the same late requests for chunks of any size', async () => {
    const time = fc.integer({ min: 0, max: 40 }).map((second) => 1_700_000_000 + second)
    await fc.assert(
      fc.asyncProperty(fc.array(time, { minLength: 1, maxLength: 60 }), fc.nat(15), async (all, seconds) => {
        const lines = all.map((second, index) => `${second},c${index}`)
        const read = (size: number) =>
          readAll(['time,client', ...lines].join('\n'), { reorder: seconds * 1000 }, size)
        const [one, other] = await Promise.all([read(5), read(100_000)])
        expect(one).toEqual(other)
      }),
    )
  })
})

it('the trace reader parses numeric times without rounding errors, with fractions of any length', async () => {
  const digits = (maxLength: number) =>
    fc.array(fc.nat(9), { minLength: 1, maxLength }).map((all) => all.join(''))
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: 99_999_999_999 }), digits(18), async (second, fraction) => {
      const { requests, origin } = await readAll(`time:s\n${second}.${fraction}`, {
        columns: 'time=time:s:s',
      })
      const at = (requests[0]?.at ?? 0) - (second * 1000 - origin)
      expect(at).toBe(1000 + Number(`${fraction}e${3 - fraction.length}`) - 1000)
    }),
  )
})
