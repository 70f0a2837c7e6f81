import { RequestError } from 'sluice'
import { foldCase } from '../../body/fold-case.js'
import { type Fields, own } from './json-fields.js'

/** The members of requests that say what an answer may cost, and how it comes. */
const NAMES: ReadonlySet<string> = new Set([
  ...['model', 'messages', 'prompt', 'input', 'stream', 'stream_options', 'include_usage', 'options'],
  ...['max_tokens', 'max_completion_tokens', 'max_output_tokens', 'n_predict', 'num_predict'],
  ...['n', 'best_of', 'background'],
])

const MAX_LENGTH = 32

/**
 * Refuses members in other letters than they are read in, such as `Max_Tokens`: servers written in Go take them for the same,
 * and the last of two counts there.
 *
 * @throws RequestError that names the member.
 */
export function refuseOtherLetters(body: Fields): void {
  for (const object of [body, own(body, 'options'), own(body, 'stream_options')]) {
    if (typeof object !== 'object' || object === null) continue
    for (const name of Object.keys(object)) {
      if (name.length > MAX_LENGTH || NAMES.has(name)) continue
      const folded = foldCase(name)
      if (NAMES.has(folded)) throw new RequestError(`'${name}' must be written '${folded}'`)
    }
  }
}

/**
 * Refuses other letters, in the same way, in the members that a JSON pointer goes through.
 *
 * @param pointer a valid one
 * @throws RequestError that names the member.
 */
export function refuseOtherLettersIn(body: unknown, pointer: string): void {
  let value = body
  for (const segment of pointer.split('/').slice(1)) {
    if (typeof value !== 'object' || value === null) return
    const wanted = segment.replaceAll('~1', '/').replaceAll('~0', '~')
    const folded = foldCase(wanted)
    for (const name of Object.keys(value))
      if (name.length <= wanted.length && name !== wanted && foldCase(name) === folded)
        throw new RequestError(`'${name}' must be written '${wanted}'`)
    value = Array.isArray(value) ? value[Number(wanted)] : own(value, wanted)
  }
}
