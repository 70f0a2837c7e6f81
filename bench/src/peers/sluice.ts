import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { SLUICE, type StartProxy, writeKeys } from '../gateway/proxies.js'
import { startRedis } from '../harness/redis-server.js'
import { startServer } from '../harness/server-process.js'
import { REQUESTS_PER_MINUTE, TOKENS_PER_MINUTE } from './limits.js'
import { startGroup } from './server-group.js'

type Store = 'memory' | 'redis'

const REQUESTS = `{ limit: ${REQUESTS_PER_MINUTE}/minute, algorithm: fixed-window }`
const TOKENS = `{ limit: ${TOKENS_PER_MINUTE}/minute, of: tokens, algorithm: fixed-window }`

/** Starts the gateway with a limit of requests for each API key. */
export function sluiceBeforeApp(store: Store): StartProxy {
  return gateway(store, `{ match: POST /predict, limits: [${REQUESTS}] }`)
}

/** Starts the gateway with limits of requests and tokens for each API key. */
export function sluiceBeforeModel(store: Store): StartProxy {
  return gateway(store, `{ match: POST /v1/chat/completions, llm: openai, limits: [${REQUESTS}, ${TOKENS}] }`)
}

/** @param route an entry of `routes` in the configuration */
function gateway(store: Store, route: string): StartProxy {
  return (port, upstream, folder) =>
    startGroup(async (add) => {
      const url = store === 'memory' ? store : `redis://127.0.0.1:${add(await startRedis()).port}`
      writeKeys(folder)
      const file = join(folder, 'gateway.yaml')
      writeFileSync(
        file,
        `listen: 127.0.0.1:${port}
admin: 127.0.0.1:0
upstream: http://127.0.0.1:${upstream}
store: ${url}
identity: { api_keys: keys.yaml }
routes: [${route}]
`,
      )
      add(await startServer(process.execPath, [SLUICE, 'serve', file], port))
    })
}
