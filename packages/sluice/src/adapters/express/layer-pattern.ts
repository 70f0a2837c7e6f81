/**
 * An entry of an Express router's stack. Express 4 keeps the regular expression of its path.
 * Express 5 keeps functions that match the path and, since version 2.3 of `router`, the path as
 * registered.
 */
export interface Layer {
  readonly handle?: unknown
  readonly route?: unknown
  readonly regexp?: RegExp & { readonly fast_slash?: boolean; readonly fast_star?: boolean }
  readonly keys?: readonly { readonly name: string | number }[]
  readonly rawPath?: unknown
  readonly slash?: boolean
  readonly matchers?: readonly ((path: string) => false | { readonly path: string })[]
}

/** Returns the start of a path that a layer matches, or undefined if it does not match. */
export function matchedPrefix({ regexp, slash, matchers }: Layer, path: string): string | undefined {
  if (slash || regexp?.fast_slash) return ''
  if (regexp !== undefined) return regexp.fast_star ? path : regexp.exec(path)?.[0]
  for (const matcher of matchers ?? []) {
    const match = matcher(path)
    if (match) return match.path
  }
  return undefined
}

/**
 * Returns the path that a layer was created with, such as `/:tenant`. It is the same for every
 * request and never contains parts of a client's path.
 *
 * @param index the position in the stack, which identifies the layer if Express keeps only a
 *   function that matches the path
 */
export function layerPattern({ rawPath, regexp, keys, slash }: Layer, index: number): string {
  if (slash || regexp?.fast_slash) return ''
  if (rawPath !== undefined) return String(rawPath).replace(/\/$/, '')
  return regexp === undefined ? `/[${index}]` : readablePattern(regexp, keys ?? [])
}

/**
 * Parts of the regular expressions that Express 4 generates: for `:name`, and for the end of a path
 * prefix.
 */
const PARAMETER = /\(\?:(\\[/.])?\(\[\^\/(?:\\\.)?\]\+\?\)\)/g
const END = '\\/?(?=\\/|$)'

/**
 * Converts the regular expression of a plain path back to the path. Other expressions are returned
 * as source.
 */
function readablePattern(regexp: RegExp, keys: NonNullable<Layer['keys']>): string {
  let parameter = 0
  const paths = regexp.source.split('|^').map((source) =>
    source
      .replace(/^\^/, '')
      .replace(END, '')
      .replace(PARAMETER, (_all, before = '') => `${before}:${keys[parameter++]?.name}`)
      .replace('(.*)', '\\*')
      .replaceAll(/\\([/.*])/g, '$1'),
  )
  const isPlain = paths.every((path) => /^[\w\-~!@%&=:;,./*]*$/.test(path))
  return isPlain ? paths.join(',') : String(regexp)
}
