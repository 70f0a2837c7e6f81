import { RequestError } from 'sluice'
import { foldCase } from '../../body/fold-case.js'
import { type Fields, own } from './json-fields.js'

/** Members of requests that affect the cost or the format of the response. */
const NAMES: ReadonlySet<string> = new Set([
  ...['model', 'messages', 'prompt', 'input', 'stream', 'stream_options', 'include_usage', 'options'],
  ...['max_tokens', 'max_completion_tokens', 'max_output_tokens', 'n_predict', 'num_predict'],
  ...['n', 'best_of', 'background'],
])

const MAX_NAME_LENGTH = 32

/**
 * Rejects members that differ from known ones only in case, such as `Max_Tokens`. Servers written
 * in Go treat them as the same member, and use the last one.
 *
 * @throws RequestError that names the member
 */
export function rejectOtherCase(body: Fields): void {
  for (const object of [body, own(body, 'options'), own(body, 'stream_options')]) {
    if (typeof object !== 'object' || object === null) continue
    for (const name of Object.keys(object)) {
      if (name.length > MAX_NAME_LENGTH || NAMES.has(name)) continue
      const folded = foldCase(name)
      if (NAMES.has(folded)) throw new RequestError(`'${name}' must be written '${folded}'`)
    }
  }
}

/**
 * Rejects members on the path of a JSON pointer that differ from it only in case.
 *
 * @param pointer a valid JSON pointer
 * @throws RequestError that names the member
 */
export function rejectOtherCaseIn(body: unknown, pointer: string): void {
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
