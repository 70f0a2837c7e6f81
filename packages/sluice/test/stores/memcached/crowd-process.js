// One process of a crowd: connects, says so, and on a word makes all its calls at once; then says how many were let in.
import { memcachedStore } from 'sluice/memcached'

const { url, calls, charges } = JSON.parse(process.argv[2] ?? '')

const store = memcachedStore(url)
await store.peek([{ ...charges[0], key: 'warm up', cost: 0, lease: 'none' }])

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
