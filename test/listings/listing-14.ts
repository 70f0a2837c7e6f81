import { limit } from 'sluice/fetch'

const limited = limit<[info: { remoteAddr: { hostname: string } }]>({
  rules: [{ limit: '10/minute' }],
  address: (_request, info) => info.remoteAddr.hostname, // as Deno has it
})
export const predict = limited(async () => Response.json({ prediction: 1 }))
