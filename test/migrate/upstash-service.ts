import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { json } from 'node:stream/consumers'
import type { Redis } from 'ioredis'
import { onTestFinished } from 'vitest'

type Command = readonly [name: string, ...args: (string | number)[]]

/**
 * Serves a Redis over the HTTP protocol of Upstash until the end of the test: a request to
 * `/pipeline` has a JSON array of commands. Returns the URL.
 *
 * The scripts of @upstash/ratelimit declare a flag that only Upstash knows. `EVALSHA` therefore
 * fails as for an unknown script, and `EVAL` runs without the flag.
 */
export async function serveUpstash(redis: Redis): Promise<string> {
  const server = createServer(async (request, response) => {
    const commands = (await json(request)) as Command[]
    const answers = await Promise.all(commands.map((command) => answerTo(redis, command)))
    response.end(JSON.stringify(answers))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

async function answerTo(
  redis: Redis,
  [name, ...args]: Command,
): Promise<{ result: unknown } | { error: string }> {
  if (/^evalsha$/i.test(name)) return { error: 'NOSCRIPT No matching script' }
  if (/^eval$/i.test(name)) args[0] = String(args[0]).replace(/^#!.*\n/, '')
  try {
    return { result: await redis.call(name, args) }
  } catch (error) {
    return { error: (error as Error).message }
  }
}
