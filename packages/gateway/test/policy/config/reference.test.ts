import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { configMap } from '../../../src/policy/config/config-file.js'
import { parseConfig } from '../../../src/policy/config/load-config.js'
import { keyPathsOf } from '../../../src/policy/config/yaml/decoders.js'

const page = readFileSync(new URL('../../../../../docs/configuration.md', import.meta.url), 'utf8')

interface Row {
  readonly key: string
  /** The columns `type`, `default` and `meaning`. */
  readonly cells: readonly string[]
}

const rows: readonly Row[] = page.split('\n').flatMap((line) => {
  const [, key, rest] = /^\| `([^`]+)` \|(.*)\|$/.exec(line) ?? []
  return key === undefined || rest === undefined
    ? []
    : [{ key, cells: rest.split('|').map((cell) => cell.trim()) }]
})

/**
 * Returns the path under which the page lists a key that routes, `default`, upstreams and the file
 * have in common.
 */
function listedPath(path: string): string {
  return path
    .replace(/^\./, '')
    .replace(/^default\./, 'routes[].')
    .replace(/^(routes\[\]|upstreams\.\*)\.limits\[\]/, 'limits[]')
}

/** Other keys that an option requires in the same map. */
const REQUIRED: Readonly<Record<string, string>> = {
  'identity.api_key_headers': 'api_keys: keys.yaml',
  'identity.forward_credentials': 'api_keys: keys.yaml',
  'identity.jwt.client': 'jwks: https://login.example, audience: a',
  ...Object.fromEntries(
    ['cors', 'routes[].cors'].flatMap((path) =>
      ['credentials', 'max_age'].map((key) => [`${path}.${key}`, 'origins: https://app.example']),
    ),
  ),
  'record.max_size': 'file: traffic.jsonl',
  'record.files': 'file: traffic.jsonl',
  'routes[].llm.default_output': 'shape: openai',
  'routes[].llm.cached_weight': 'shape: openai',
  'routes[].llm.ask_for_usage': 'shape: openai',
  'routes[].llm.max_retry_wait': 'shape: openai',
  'routes[].llm.reserve': 'shape: openai',
  'routes[].llm.when_exhausted': 'shape: openai, reserve: learned',
  'upstreams.*.fallback_on': 'fallback: default',
  'upstreams.*.health.every': 'path: /health',
  'limits[].align': 'limit: 10/minute',
  'limits[].time_zone': 'limit: 10/day, algorithm: fixed-window, align: calendar',
  'limits[].lease': 'concurrent: 4',
  'limits[].queue': 'limit: 10/minute, wait: 2s',
  ...Object.fromEntries(
    ['timeout', 'retry_for'].map((key) => [
      `webhooks[].${key}`,
      'url: https://hooks.example, secret: 0123456789abcdef',
    ]),
  ),
  'limits[].penalty_growth': 'limit: 10/minute, penalty: 1m, penalty_max: 1d',
  'limits[].penalty_max': 'limit: 10/minute, penalty: 1s, penalty_growth: 2',
}

/** Creates a valid file that sets one key. */
function fileWith(key: string, value: string): string {
  const required = REQUIRED[key] ?? (key.startsWith('limits[].') ? 'limit: 10/minute' : '')
  const names = key.split('.')
  const nested = names.reduceRight((inner, name, index) => {
    const map = `{ ${[name.replace('[]', ''), inner].join(': ')}${index === names.length - 1 && required !== '' ? `, ${required}` : ''} }`
    return index > 0 && names[index - 1]?.endsWith('[]') ? `[${map}]` : map
  }, value)
  const route = nested.replace(
    '{ routes: [{',
    "{ routes: [{ require: 'true', match: POST /v1/chat/completions,",
  )
  const upstream = route.replace('upstreams: { *: {', 'upstreams: { vllm: { url: http://10.0.0.5:8000,')
  const shared = upstream.startsWith('{ limits: [{') ? `{ default: ${upstream} }` : upstream
  return shared.replace(/^\{/, '{ upstream: http://127.0.0.1:9000,')
}

/** Returns the parts of a configuration that JSON can represent. */
function plain(text: string): object {
  const { source: _source, ...config } = parseConfig(text, 'gateway.yaml')
  return JSON.parse(JSON.stringify(config))
}

describe('the configuration reference', () => {
  const listed = rows.map(({ key }) => key)
  const accepted = new Set(keyPathsOf(configMap).map(listedPath))

  it('lists every key that the decoders accept', () => {
    expect([...accepted].filter((key) => !listed.includes(key))).toEqual([])
  })

  it('lists no key that the decoders reject, and lists each key once', () => {
    expect(listed.filter((key) => !accepted.has(key))).toEqual([])
    expect(listed.filter((key, index) => listed.indexOf(key) !== index)).toEqual([])
  })

  it('gives every key a type and a meaning', () => {
    for (const { key, cells } of rows) {
      expect([key, cells.length]).toEqual([key, 3])
      expect([key, cells[0] !== '' && cells[2] !== '']).toEqual([key, true])
    }
  })

  const defaults = rows.flatMap(({ key, cells }) => {
    const [, value] = /^`([^`]+)`$/.exec(cells[1] ?? '') ?? []
    return value === undefined ? [] : [[key, value] as const]
  })

  it.each(defaults)('states the default of %s that the decoders apply: %s', (key, value) => {
    const explicit = plain(fileWith(key, value))
    if (key.includes('[]')) return
    expect(explicit).toMatchObject(plain('upstream: http://127.0.0.1:9000'))
  })
})
