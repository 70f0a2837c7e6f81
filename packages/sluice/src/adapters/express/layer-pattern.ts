/**
 * One entry of an Express router's stack. Express 4 keeps the regular expression of its path, Express 5 the functions that
 * match it and, since version 2.3 of `router`, the path as it was given.
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

/** Returns the start of a path that a layer matches, and undefined where it matches none. */
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
 * Returns the path that a layer was made with, such as `/:tenant`. The text is the same for every request: it never has
 * anything that a client spelled.
 *
 * @param index its place in the stack, which names it where Express keeps no more of the path than a function
 */
export function layerPattern({ rawPath, regexp, keys, slash }: Layer, index: number): string {
  if (slash || regexp?.fast_slash) return ''
  if (rawPath !== undefined) return String(rawPath).replace(/\/$/, '')
  return regexp === undefined ? `/[${index}]` : readablePattern(regexp, keys ?? [])
}

/** What Express 4 makes of `:name`, and of the end of a path that others follow. */
const PARAMETER = /\(\?:(\\[/.])?\(\[\^\/(?:\\\.)?\]\+\?\)\)/g
const END = '\\/?(?=\\/|$)'

/** Turns the regular expression of a plain path back into the path. Others stay as they are. */
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
