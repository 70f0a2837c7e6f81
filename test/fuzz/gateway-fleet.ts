import { Agent } from 'node:http'
import { sluice } from '../../packages/gateway/test/cli/program.js'
import { until } from '../../packages/sluice/test/stores/servers/redis.js'

/** A gateway that runs in a process of its own. */
export interface GatewayProcess {
  readonly url: string
  /** Keeps connections to it alive. */
  readonly agent: Agent
  readonly isKilled: boolean
}

type RunningGateway = Awaited<ReturnType<typeof launch>>

/** Gateways with one configuration file, which are killed and started like those of a deployment. */
export class GatewayFleet {
  readonly #running: RunningGateway[] = []

  /** @param file the configuration, with `listen: 127.0.0.1:0` */
  constructor(private readonly file: string) {}

  /** The gateways that can be used. */
  get running(): readonly GatewayProcess[] {
    return this.#running
  }

  async start(count: number): Promise<void> {
    const started = await Promise.all(Array.from({ length: count }, () => launch(this.file)))
    this.#running.push(...started)
  }

  /** Kills a gateway as a crash does. */
  kill(gateway: GatewayProcess): void {
    const index = this.#running.indexOf(gateway as RunningGateway)
    const [killed] = this.#running.splice(index, 1)
    if (killed !== undefined) killed.kill()
  }

  /** Stops the gateways in order, which settles what has ended. Throws if one fails. */
  async stop(): Promise<void> {
    await Promise.all(this.#running.splice(0).map((gateway) => gateway.stop()))
  }
}

async function launch(file: string) {
  const { child, output, ended } = sluice('serve', file)
  await until(async () => /http:\S+/.test(output.out), 60_000)
  const agent = new Agent({ keepAlive: true, maxSockets: Number.POSITIVE_INFINITY })
  let isKilled = false
  return {
    url: /http:\S+/.exec(output.out)?.[0] as string,
    agent,
    get isKilled() {
      return isKilled
    },
    kill() {
      isKilled = true
      child.kill('SIGKILL')
    },
    async stop() {
      agent.destroy()
      child.kill('SIGTERM')
      const [code] = await ended
      if (code !== 0) throw new Error(`a gateway exited with ${code}: ${output.err}`)
    },
  }
}
