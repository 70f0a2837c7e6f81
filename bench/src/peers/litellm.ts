import { randomBytes } from 'node:crypto'
import { copyFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { StartProxy } from '../gateway/proxies.js'
import { startRedis } from '../harness/redis-server.js'
import { startServer } from '../harness/server-process.js'
import { peerProgram, sourcePath } from './peer-programs.js'
import { startGroup } from './server-group.js'

const PRODUCTION = {
  LITELLM_MODE: 'PRODUCTION',
  LITELLM_LOG: 'ERROR',
  LITELLM_LOCAL_MODEL_COST_MAP: 'True',
  NO_DOCS: 'True',
}

/**
 * Starts LiteLLM with one worker, without logging or cached responses, and with the limits of
 * `litellm/auth.py` on Redis.
 */
export const litellm: StartProxy = (port, upstream, folder) =>
  startGroup(async (add) => {
    const program = peerProgram('litellm', 'litellm')
    const redis = add(await startRedis())
    copyFileSync(sourcePath('litellm/auth.py'), join(folder, 'auth.py'))
    const file = join(folder, 'litellm.yaml')
    writeFileSync(
      file,
      `model_list:
  - model_name: stub
    litellm_params: { model: openai/stub, api_base: 'http://127.0.0.1:${upstream}/v1', api_key: none }
litellm_settings:
  telemetry: false
  num_retries: 0
  cache: true
  cache_params: { type: redis, host: 127.0.0.1, port: ${redis.port}, supported_call_types: [] }
general_settings:
  custom_auth: auth.authenticate
  master_key: sk-${randomBytes(24).toString('hex')}
  disable_spend_logs: true
`,
    )
    const args = ['--config', file, '--host', '127.0.0.1', '--port', String(port), '--num_workers', '1']
    add(await startServer(program, args, port, { env: PRODUCTION, cwd: folder }))
  })
