import { addressList } from 'sluice/http'
import { z } from 'zod'
import type { ClientList } from '../../acts/access-list.js'
import { MAX_CLIENT_LENGTH } from '../../acts/act.js'
import { type Decoder, listOf, mapOf, scalar, withKeysOf } from '../yaml/decoders.js'
import { string } from '../yaml/scalars.js'

/** Maximum number of entries of a list. */
const MAX_ENTRIES = 1000

type Entry = { readonly client: string } | { readonly address: string }

const EXPECTED = 'an address such as 192.0.2.7, a network such as 10.0.0.0/8, or { client: acme }'

const clientMap = mapOf(
  {
    client: scalar(
      z.string().min(1).max(MAX_CLIENT_LENGTH),
      `a string of 1 to ${MAX_CLIENT_LENGTH} characters, such as acme`,
    ),
  },
  EXPECTED,
)

const entry: Decoder<Entry> = withKeysOf(clientMap, (node, problems) => {
  if (node.kind === 'map') {
    const problemsBefore = problems.count
    const client = clientMap(node, problems)?.client
    if (client !== undefined) return { client }
    if (problems.count === problemsBefore) problems.at(node, `an entry must be ${EXPECTED}`)
    return undefined
  }
  const address = string('10.0.0.0/8')(node, problems)
  if (address === undefined) return undefined
  try {
    addressList([address], [])
    return { address }
  } catch {
    problems.at(node, `'${address.slice(0, 60)}' is not an address or network; write ${EXPECTED}`)
    return undefined
  }
})

const entries = listOf(entry, 'a list such as [10.0.0.0/8, { client: acme }]', MAX_ENTRIES)

/** Decodes `deny` or `allow` at the top of the file: addresses, networks and clients. */
export const decodeClientList: Decoder<ClientList> = withKeysOf(entries, (node, problems) => {
  const list = entries(node, problems)
  return (
    list && {
      clients: list.flatMap((each) => ('client' in each ? each.client : [])),
      addresses: list.flatMap((each) => ('address' in each ? each.address : [])),
    }
  )
})
