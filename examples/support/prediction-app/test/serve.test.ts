import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'
import { startExample } from './running.js'

const run = promisify(execFile)
const MAIN = fileURLToPath(new URL('../../../in-memory/dist/main.js', import.meta.url))

describe('an example application', () => {
  it('prints one line if the port is in use', async () => {
    await using first = await startExample('in-memory')
    const { port } = new URL(first.url)
    await expect(
      run(process.execPath, [MAIN], { env: { ...process.env, PORT: port } }),
    ).rejects.toMatchObject({
      code: 1,
      stderr: `port ${port} on 127.0.0.1 is already in use; choose another one with PORT\n`,
    })
  })

  it('prints one line if PORT is not a port', async () => {
    await expect(
      run(process.execPath, [MAIN], { env: { ...process.env, PORT: '99999' } }),
    ).rejects.toMatchObject({
      code: 1,
      stderr: "PORT must be a whole number from 0 to 65535, not '99999'\n",
    })
  })
})
