import type { SearchedText } from '../../../../sluice/test/secret-search.js'
import { adminTable } from '../../../src/server/admin/admin-server.js'
import { send } from '../gateway/running-gateway.js'
import type { PlantedGateway, RunningGateway } from './planted-gateway.js'

/** The paths of the admin port, from its table of routes. */
export const ADMIN_PATHS: readonly string[] = [
  ...adminTable({ sources: {}, keys: {} } as Parameters<typeof adminTable>[0]).keys(),
]

/** What each path that accepts a POST is sent; `{}` if it is not listed. */
const BODIES: Readonly<Record<string, readonly object[]>> = {
  '/api/actions': [
    { act: 'block', client: 'proxied', reason: 'a test' },
    { act: 'override', client: 'client-0', scale: 2, reason: 'a test' },
    { act: 'reset', key: 'client-0', reason: 'a test' },
    { act: 'unblock', client: 'proxied', reason: 'a test' },
    { act: 'limit', route: '/limited', rule: 'limited', limit: 'nonsense', reason: 'a test' },
  ],
}

/** Requests every path of the admin port and of the port for probes, with and without tokens. */
export async function readAdminPort(
  { secrets, tokens, text }: PlantedGateway,
  { adminUrl, probesUrl }: Pick<RunningGateway, 'adminUrl' | 'probesUrl'>,
): Promise<SearchedText[]> {
  const texts: SearchedText[] = []
  const { actToken, readToken, wrongToken, unknownKey } = secrets
  const bearers = [actToken, readToken, wrongToken, tokens.operator, tokens.forged, tokens.expired, undefined]
  const ask = async (base: string, path: string, method: string, bearer?: string, body = '') => {
    const headers = {
      ...(bearer !== undefined && { authorization: `Bearer ${bearer}` }),
      ...(path === '/api/replay' && { accept: 'application/x-ndjson' }),
    }
    const response = await send(base, path, { method, headers, body })
    const where = `${method} ${path.split('?')[0]}`
    texts.push({ where, text: `${JSON.stringify(response.headers)}\n${response.text}` })
  }
  const paths = ADMIN_PATHS.map((path) => path.replace(/^\w+ /, '').replace('*', '0123abcd'))
  for (const path of new Set(paths)) {
    if (path === '/api/live') {
      texts.push({ where: path, text: await firstSamples(`${adminUrl}${path}`, readToken) })
      continue
    }
    const isFile = !path.startsWith('/api/') && !path.startsWith('/metrics')
    for (const bearer of isFile ? [undefined] : bearers) {
      await ask(adminUrl, path, 'GET', bearer)
      await ask(adminUrl, `${path}?q=${bearer}&access_token=${unknownKey}`, 'GET', bearer)
      if (isFile) continue
      if (path === '/api/replay') continue
      for (const body of BODIES[path] ?? [{}]) await ask(adminUrl, path, 'POST', bearer, JSON.stringify(body))
    }
  }
  for (const posted of postedConfigs(text)) await ask(adminUrl, '/api/replay', 'POST', readToken, posted)
  for (const path of ['/healthz', '/readyz', '/metrics', '/other'])
    await ask(probesUrl, path, 'GET', actToken)
  return texts
}

/** Returns configurations by which an operator could try to read the values of variables. */
function postedConfigs(text: string): string[] {
  const variables = ['env:UPSTREAM_KEY', 'file:upstream-key', 'env:REDIS_URL', 'env:SLUICE_TOKEN']
  const references = variables.map((variable) => `'$\{${variable}}'`)
  const limits = references.map((each) => `{ limit: 1/day, name: ${each} }, ${each}`)
  return [
    text,
    `upstream: http://127.0.0.1:9\nlimits: [${limits}]\ntiers: { a: ${references[0]} }\nusage: ${references[1]}\n`,
    `upstream: http://127.0.0.1:9/$\{${variables[0]}}/\nlimits: [9/fortnight]\n`,
    `upstream: ftp://$\{${variables[0]}}\n`,
    `upstream: http://127.0.0.1:9/$\{${variables[2]}}/\nlimits: [9/day]\n`,
  ]
}

/** Returns what the dashboard receives first. */
async function firstSamples(url: string, token: string): Promise<string> {
  const abort = new AbortController()
  const headers = { authorization: `Bearer ${token}` }
  const { body } = await fetch(url, { headers, signal: abort.signal })
  let text = ''
  for await (const chunk of body ?? []) {
    text += Buffer.from(chunk).toString()
    if (text.split('\n\n').length > 3) break
  }
  abort.abort()
  return text
}
