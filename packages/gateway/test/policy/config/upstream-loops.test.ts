import { hostname, networkInterfaces } from 'node:os'
import { describe, expect, it } from 'vitest'
import { parseConfig } from '../../../src/policy/config/load-config.js'

function warningsFor(listen: string, upstream: string, admin = '127.0.0.1:8081'): string[] {
  const text = `listen: '${listen}'\nadmin: '${admin}'\nupstream: '${upstream}'\n`
  return (parseConfig(text, 'gateway.yaml').warnings ?? []).map(
    ({ line, column, message }) => `${line}:${column} ${message}`,
  )
}

const ownAddress = Object.values(networkInterfaces())
  .flatMap((list) => list ?? [])
  .find(({ family, internal }) => family === 'IPv4' && !internal)?.address

describe('parseConfig', () => {
  it.each([
    ['127.0.0.1:8080', 'http://127.0.0.1:8080'],
    ['127.0.0.1:8080', 'http://localhost:8080/v1'],
    ['127.0.0.1:8080', 'http://LOCALHOST.:8080'],
    ['127.0.0.1:8080', 'http://0.0.0.0:8080'],
    ['127.0.0.1:8080', 'http://0:8080'],
    ['127.0.0.1:8080', 'http://2130706433:8080'],
    ['127.0.0.1:8080', 'http://[::ffff:127.0.0.1]:8080'],
    ['localhost:8080', 'http://127.0.0.1:8080'],
    ['localhost:8080', 'http://[::1]:8080'],
    ['[::1]:8080', 'http://localhost:8080'],
    ['[::1]:8080', 'http://[0:0:0:0:0:0:0:1]:8080'],
    [':8080', 'http://127.0.0.1:8080'],
    [':8080', 'http://127.1.2.3:8080'],
    [':8080', `http://${hostname()}:8080`],
    ['[::]:8080', 'http://[::1]:8080'],
    [':80', 'http://localhost'],
    ['10.0.0.1:443', 'https://10.0.0.1'],
  ])(
    'warns about an upstream that is the gateway itself: listening on %s, forwarding to %s',
    (listen, upstream) => {
      expect(warningsFor(listen, upstream)).toEqual([
        expect.stringMatching(/^3:\d+ 'upstream' is the address that this gateway listens on/),
      ])
    },
  )

  it.runIf(ownAddress !== undefined)(
    'warns about an upstream at another address of this machine if the gateway listens on all addresses',
    () => {
      expect(warningsFor(':8080', `http://${ownAddress}:8080`)).toHaveLength(1)
      expect(warningsFor('127.0.0.1:8080', `http://${ownAddress}:8080`)).toEqual([])
    },
  )

  it('warns about an upstream that is the admin port', () => {
    for (const upstream of ['http://localhost:8081', 'http://127.0.0.1:8081/metrics'])
      expect(warningsFor('127.0.0.1:8080', upstream)).toEqual([
        expect.stringMatching(/^3:\d+ 'upstream' is the admin port of this gateway/),
      ])
    expect(warningsFor('127.0.0.1:8080', 'http://localhost:8081', 'off')).toEqual([])
  })

  it.each([
    ['127.0.0.1:8080', 'http://127.0.0.1:9000'],
    ['127.0.0.1:8080', 'http://127.0.0.2:8080'],
    ['127.0.0.1:8080', 'http://[::1]:8080'],
    ['127.0.0.1:8080', 'http://models.example:8080'],
    [':8080', 'http://203.0.113.7:8080'],
    ['127.0.0.1:0', 'http://127.0.0.1:8080'],
    ['127.0.0.1:80', 'https://127.0.0.1'],
  ])('does not warn about another server: listening on %s, forwarding to %s', (listen, upstream) => {
    expect(warningsFor(listen, upstream)).toEqual([])
  })
})
