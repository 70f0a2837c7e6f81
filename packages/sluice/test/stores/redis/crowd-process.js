// One process of a crowd: connects, says so, and on a word makes all its calls at once; then says how many were let in.
import { Cluster, Redis } from 'ioredis'
import { createClient, createCluster } from 'redis'
import { redisStore } from 'sluice/redis'

const { topology, client: clientLabel, ports, calls, charges } = JSON.parse(process.argv[2] ?? '')

const client = await connect()
const store = redisStore({ client })
await store.peek([{ scope: 'warm', key: 'up', cost: 0, limit: charges[0].limit, lease: 'none' }])

process.on('message', async () => {
  const admitted = []
  for (const charge of charges) {
    const answers = await Promise.all(
      Array.from({ length: calls }, (_, call) =>
        store.take([{ ...charge, lease: `${process.pid} ${call}` }]),
      ),
    )
    admitted.push(answers.filter(([verdict]) => verdict.allowed).length)
  }
  process.send?.({ admitted }, () => process.exit())
})
process.send?.({ ready: true })

function connect() {
  if (clientLabel === 'ioredis') return topology === 'cluster' ? new Cluster(ports) : new Redis(ports[0])
  const nodes = ports.map((/** @type {number} */ port) => ({ url: `redis://127.0.0.1:${port}` }))
  return (topology === 'cluster' ? createCluster({ rootNodes: nodes }) : createClient(nodes[0])).connect()
}
