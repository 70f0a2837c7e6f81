import { startModelServer } from 'sluice-example-model-server'

const server = await startModelServer({ port: 0, tokenInterval: 0 })
await server.ready // it answers before, with 503
console.log(server.port, server.models?.heavy.predict([1, 2, 3]), server.generations)
await server.close()
