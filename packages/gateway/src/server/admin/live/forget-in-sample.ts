import type { Sample } from '../api/live-samples.js'
import { OTHERS } from './token-counts.js'

/**
 * Counts the tokens of a client with those of the others in a sample.
 *
 * @param json the sample as JSON
 * @returns the same string if the sample does not name the client
 */
export function forgetInSample(json: string, client: string): string {
  if (!json.includes(JSON.stringify(client))) return json
  const sample = JSON.parse(json) as Sample
  const { [client]: forgotten, ...clients } = sample.clients ?? {}
  if (forgotten === undefined) return json
  const { input, output } = clients[OTHERS] ?? { input: 0, output: 0 }
  const others = { input: input + forgotten.input, output: output + forgotten.output }
  return JSON.stringify({ ...sample, clients: { ...clients, [OTHERS]: others } })
}
