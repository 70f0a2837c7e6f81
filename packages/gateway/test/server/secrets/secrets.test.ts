import { writeFile } from 'node:fs/promises'
import { describe, expect, it, onTestFinished } from 'vitest'
import { type SearchedText, searchSecrets } from '../../../../sluice/test/secret-search.js'
import { startRedis } from '../../../../sluice/test/stores/servers/redis.js'
import { untilWithin } from '../acts/fleet.js'
import { changeKeys } from '../keys/key-api.js'
import { type ClientResponse, sendClientTraffic } from './client-traffic.js'
import { commandLines, everythingIn, filesIn, workersOf } from './kept-texts.js'
import { brokenConfig, runCommands, runFailingCommands } from './operator-commands.js'
import { ADMIN_PATHS, readAdminPort } from './operator-traffic.js'
import { leakingConfig, plantSecrets, type RunningGateway, startPlanted } from './planted-gateway.js'

/** Waits until a gateway has printed a line. */
const printed = (gateway: RunningGateway, pattern: RegExp) =>
  untilWithin(60_000, async () => pattern.test(gateway.output()))

describe('no secret appears in an output, a log, a page, a record, a metric or Redis', () => {
  it.each([
    { workers: 1, kept: 'Redis' },
    { workers: 2, kept: 'files' },
  ])('with $workers workers and the state in $kept', { timeout: 240_000 }, async ({ workers, kept }) => {
    const redis = kept === 'Redis' ? await startRedis() : undefined
    onTestFinished(async () => redis?.stop())
    const planted = await plantSecrets({ workers, redisPort: redis?.port })
    const { secrets, servers, file, text, folder } = planted
    const allowGateway = () =>
      redis?.cli('acl', 'setuser', 'gateway', 'on', `>${secrets.redisPassword}`, '~*', '&*', '+@all')
    await allowGateway()
    const gateway = await startPlanted(planted)
    const create = () => changeKeys(gateway, '', { client: 'client-0' }, secrets.actToken)
    // The response that creates a key is the only one that may contain it.
    const created = redis === undefined ? undefined : (await create()).body.key
    const keys = [created ?? secrets.key, secrets.oldKey]
    const texts: SearchedText[] = []
    const responses: ClientResponse[] = []

    servers.fail(true)
    responses.push(...(await sendClientTraffic(planted, gateway, keys)))
    await printed(gateway, /webhook notice not delivered/)
    await printed(gateway, /cannot export telemetry/)
    servers.fail(false)
    texts.push(...(await readAdminPort(planted, gateway)), ...(await runCommands(planted, gateway)))
    if (redis === undefined) texts.push(...(await runFailingCommands(planted, gateway)))
    await writeFile(file, brokenConfig(planted))
    await printed(gateway, /configuration rejected/)
    await writeFile(file, `${text}# changed\n`)
    await printed(gateway, /configuration reloaded/)
    texts.push(await commandLines(gateway.pid))
    if (redis !== undefined) {
      texts.push(await everythingIn(redis))
      await redis.crash()
      responses.push(...(await sendClientTraffic(planted, gateway, keys)))
      // Until the password is set, Redis rejects the gateway.
      await redis.startAgain()
      texts.push(...(await readAdminPort(planted, gateway)))
      await allowGateway()
      // Each request for readiness probes the store.
      await untilWithin(60_000, async () => {
        await (await fetch(`${gateway.probesUrl}/readyz`)).text()
        return gateway.output().includes('store responds again')
      })
      texts.push(await everythingIn(redis))
    }
    for (const signal of workers > 1 ? (['SIGSEGV', 'SIGUSR2'] as const) : []) {
      const [worker] = await workersOf(gateway.pid)
      process.kill(worker as number, signal)
      await untilWithin(60_000, async () => {
        const pids = await workersOf(gateway.pid)
        return pids.length === workers && !pids.includes(worker as number)
      })
    }
    await gateway.end(redis === undefined ? 'SIGTERM' : 'SIGUSR2')
    texts.push({ where: 'log', text: gateway.output() }, ...(await filesIn(folder)))
    texts.push(...servers.bodies.map((body) => ({ where: 'notice or export', text: body })))
    texts.push(...responses.filter(({ passedThrough }) => !passedThrough))

    expect(gateway.output()).toContain(redis === undefined ? '"stopped"' : 'a provoked crash')
    expect(ADMIN_PATHS.length).toBeGreaterThan(20)
    expect(new Set(responses.map(({ status }) => status))).toEqual(
      new Set([200, 400, 401, 429, 500, 502, ...(redis === undefined ? [] : [503])]),
    )
    const arrived = servers.heads.join('\n')
    for (const name of planted.sentByGateway) expect(arrived, name).toContain(secrets[name])

    const searched = { ...planted.searched, ...(created !== undefined && { createdKey: created }) }
    const size = texts.reduce((sum, each) => sum + each.text.length, 0)
    console.info(`${Object.keys(searched).length} secrets, ${texts.length} texts, ${size} characters`)
    expect(found(texts, searched)).toEqual([])

    if (redis !== undefined) return
    await writeFile(file, leakingConfig(text))
    const leaking = await startPlanted(planted)
    await (await fetch(`${leaking.url}/leaking-rule`)).text()
    for (const path of ['/leak', '/leaking-rule'])
      texts.push({ where: path, text: await (await fetch(leaking.url + path)).text() })
    await leaking.end('SIGTERM')
    texts.push({ where: 'log of a leak', text: leaking.output() })
    expect(found(texts, searched)).toEqual([
      ...['upstreamEnv in /leak', 'webhookSecret in /leaking-rule', 'webhookSecret in log of a leak'],
    ])
  })
})

/** Returns what the search finds, each once. */
function found(texts: readonly SearchedText[], secrets: Readonly<Record<string, string>>): string[] {
  return [...new Set(searchSecrets(texts, secrets).map(({ secret, where }) => `${secret} in ${where}`))]
}
