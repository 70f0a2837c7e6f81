import { addressList } from 'sluice/http'
import { type Decoder, listOf, transform } from '../yaml/decoders.js'
import { string } from '../yaml/scalars.js'

const network: Decoder<string> = transform(string('10.0.0.0/8'), (entry) => {
  addressList([entry], [])
  return entry
})

const MAX_NETWORKS = 1000

/**
 * Creates the decoder of a list of addresses and networks.
 *
 * @param expected completes "'key' must be" in the error message
 */
export function networkList(expected: string): Decoder<readonly string[]> {
  return listOf(network, expected, MAX_NETWORKS)
}
