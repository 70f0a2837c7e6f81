import { describe, expect, it } from 'vitest'
import { parseEndpoint } from '../../../src/policy/config/yaml/endpoint.js'
import { parseSize } from '../../../src/policy/config/yaml/sizes.js'

describe('parseEndpoint', () => {
  it.each<[string, string, number]>([
    ['127.0.0.1:8080', '127.0.0.1', 8080],
    ['localhost:0', 'localhost', 0],
    ['my-host.example:65535', 'my-host.example', 65_535],
    ['[::1]:8080', '::1', 8080],
    ['[::]:8080', '::', 8080],
    // A bare port means the loopback address; a colon before it means all interfaces.
    ['8080', '127.0.0.1', 8080],
    [':8080', '0.0.0.0', 8080],
    [' 8080 ', '127.0.0.1', 8080],
  ])('parses %s', (text, host, port) => {
    expect(parseEndpoint(text)).toEqual({ host, port })
  })

  it.each([
    '',
    ':',
    'localhost',
    '::1:8080',
    '[::1]',
    '[localhost]:80',
    '1.2.3:80',
    '1.2.3.256:80',
    'a b:80',
    '-a:80',
  ])('rejects %j as an endpoint', (text) => {
    expect(() => parseEndpoint(text)).toThrow(RangeError)
  })
  it.each(['a:65536', 'a:-1', 'a:8e3', 'http://a:80', '[::1%lo]:80:80'])(
    'rejects %j as an endpoint',
    (text) => {
      expect(() => parseEndpoint(text)).toThrow(RangeError)
    },
  )
})

describe('parseSize', () => {
  it.each<[string | number, number]>([
    [65_536, 65_536],
    ['0', 0],
    ['1MiB', 1_048_576],
    ['512 KiB', 524_288],
    ['10MB', 10_000_000],
    ['1.5kb', 1500],
    ['2GiB', 2_147_483_648],
    ['7B', 7],
  ])('parses %s as %d bytes', (text, bytes) => {
    expect(parseSize(text)).toBe(bytes)
  })

  it.each([
    '',
    'MiB',
    '1 m',
    '-1',
    '1e6',
    '0.3',
    '1.0001KiB',
    'NaN',
    -1,
    1.5,
    Number.POSITIVE_INFINITY,
    '99999999GiB',
  ])('rejects %j as a size', (text) => {
    expect(() => parseSize(text)).toThrow(RangeError)
  })
})
