import { limit } from 'sluice/express'

export const batchLimit = limit({
  client: (request) => request.headers.authorization && verifiedUser(request.headers.authorization),
  rules: [
    { limit: '60/minute' }, // by client: the checked user, else the address
    { name: 'rows', limit: '10k/hour', of: 'rows', cost: (request) => request.body.data.length },
    { name: 'route', limit: '1000/second', by: ['route', 'everyone'] },
    { name: 'trial', limit: '5/minute', enforce: false }, // counted, never refuses
  ],
})

declare function verifiedUser(authorization: string): string | undefined
