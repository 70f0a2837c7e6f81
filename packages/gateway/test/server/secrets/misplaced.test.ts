import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { type SearchedText, searchSecrets } from '../../../../sluice/test/secret-search.js'
import { checkCommand } from '../../../src/cli/check-command.js'
import { configMap } from '../../../src/policy/config/config-file.js'
import { keyPathsOf } from '../../../src/policy/config/yaml/decoders.js'
import { collectOutput } from '../../policy/config/check-text.js'
import { createSecrets } from './planted-secrets.js'

/** Returns a file with a value at a path of keys, such as `.upstreams.*.urls`. */
function fileWith(path: string, value: string): string {
  const names = path.split('.').slice(1)
  const nested = names.reduceRight((inner, name, index) => {
    const map = `{ ${name.replace('[]', '').replace('*', 'name')}: ${inner} }`
    return index > 0 && names[index - 1]?.endsWith('[]') ? `[${map}]` : map
  }, value)
  const upstream = names[0] === 'upstream' ? '' : 'upstream: http://127.0.0.1:9000\n'
  return `${upstream}${nested.slice(2, -2)}\n`
}

/** Checks files, and returns what is printed about those that are invalid. */
async function checkAll(files: readonly (readonly [where: string, text: string])[]): Promise<SearchedText[]> {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-misplaced-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  const file = join(folder, 'gateway.yaml')
  const printed: SearchedText[] = []
  for (const [where, text] of files) {
    await writeFile(file, text)
    const [out, err] = [collectOutput(), collectOutput()]
    const code = await checkCommand(file, { out, err })
    if (code !== 0) printed.push({ where, text: out.text() + err.text() })
  }
  return printed
}

describe('sluice check', () => {
  it('shows no value of a variable under any key that rejects it', async () => {
    const secrets = createSecrets()
    vi.stubEnv('SECRET', secrets.upstreamEnv)
    vi.stubEnv('SECRET_URL', `redis://:${secrets.redisPassword}@127.0.0.1/x/y`)
    onTestFinished(() => void vi.unstubAllEnvs())
    // The path of a keys file that cannot be read is shown. Routes and limits occur several times.
    const paths = keyPathsOf(configMap).filter(
      (path) => path !== '.identity.api_keys' && !/^\.default\.|^\.[^.]+\[?\]?\.(\*\.)?limits\[/.test(path),
    )
    const value = `"$\{env:SECRET}"`
    const values = [value, `[${value}]`, `{ a: ${value} }`, `"http://$\{env:SECRET}"`, `"$\{env:SECRET_URL}"`]
    const files = paths.flatMap((path) =>
      values.map((written) => [`${path}: ${written}`, fileWith(path, written)] as const),
    )
    const printed = await checkAll(files)
    expect(printed.length).toBeGreaterThan(paths.length)
    expect(searchSecrets(printed, secrets)).toEqual([])
  })

  it('shows no credential of a line with another mistake, or under a misspelled key', async () => {
    const secrets = createSecrets()
    const secret = secrets.upstreamLiteral
    const upstream = (entry: string) => `upstreams: { a: { url: http://127.0.0.1:9, ${entry} } }`
    const lines = [
      upstream(`headers: { authorization: "Bearer ${secret}", accept-encoding: x }`),
      upstream(`headers: { authorization: 'Bearer ${secret}', accept-encoding: x }`),
      upstream(`headers: { x-team: '$\{env:NOT_SET:-${secret}}', accept-encoding: x }`),
      upstream(`headers: { authorization: "${secret}\\n" }`),
      upstream(`headers: [{ authorization: ${secret} }]`),
      upstream(`headers: ${secret}`),
      upstream(`header: { x-team: ${secret} }`),
      `upstraems: { a: { headers: { x-team: ${secret} } } }`,
      `upstreams:\n  a:\n    url: http://127.0.0.1:9\n    headers:\n      x-team: "${secret}\n`,
      `webhooks: [{ url: https://a.example/hook?token=${secret}, secrets: x }]`,
      `webhooks: [{ url: "https://me:${secret}@a.example/hook", secret: 0123456789abcdef }]`,
      `webhooks: { url: https://a.example, secret: ${secret} }`,
      `telemetry: { otlp: { endpoint: "https://a.example/?key=${secret}" } }`,
      `identity: { jwt: { jwks: "ftp://a.example/keys?key=${secret}", audience: a } }`,
      `admin: { token_sha256: ${secret} }`,
      `admin: { tokens: [{ name: ada, role: act, token_sha256: ${secret} }] }`,
      `admin: { token: ${secret} }`,
      `store: redis://me:${secret}@127.0.0.1/x/y`,
      `store: { url: "redis://me:${secret}@127.0.0.1" }`,
      `redis: { password: ${secret} }`,
    ]
    const printed = await checkAll(
      lines.map((line) => [line.replace(secret, 'SECRET'), `upstream: http://127.0.0.1:1\n${line}\n`]),
    )
    expect(printed.length).toBe(lines.length)
    expect(searchSecrets(printed, { secret })).toEqual([])
  })

  it('shows the values of other keys', async () => {
    const [printed] = await checkAll([
      ['', 'upstream: http://127.0.0.1:1\nroutes: [{ match: /a, limits: [9/fortnigth] }]\n'],
    ])
    expect(printed?.text).toContain('routes: [{ match: /a, limits: [9/fortnigth] }]')
  })
})
