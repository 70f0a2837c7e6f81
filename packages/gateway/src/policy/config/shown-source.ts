import { isMap, isScalar, isSeq, parseDocument } from 'yaml'
import { configMap } from './config-file.js'
import { withoutPasswords } from './store-address.js'
import { keyPathsOf } from './yaml/decoders.js'
import { precheck } from './yaml/precheck.js'
import { MAX_CONFIG_LENGTH } from './yaml/yaml-document.js'

/** The keys whose values are secrets, or may be by mistake. */
const SECRET_PATHS: ReadonlySet<string> = new Set([
  ...['.upstreams.*.headers', '.webhooks[].secret'],
  ...['.admin.token_sha256', '.admin.tokens[].token_sha256'],
])

/** The paths of all keys. */
const KNOWN: ReadonlySet<string> = new Set(keyPathsOf(configMap))
const LEAVES = leavesOf(KNOWN)

/** Matches a reference to a variable without a default, or another character of a line. */
const REFERENCE_OR_CHARACTER = /\$\{(?:env:\w+|file:[^{}\n]+)\}|[^\n]/g

/**
 * Returns the text of a configuration file for messages: secrets are replaced with asterisks, and so
 * are the values of unknown keys, since a misspelled key may hold a secret. Positions stay the same.
 * The file may be invalid.
 */
export function shownSource(text: string): string {
  const isParsed = text.length <= MAX_CONFIG_LENGTH && precheck(text) === undefined
  const hidden = isParsed ? hiddenRanges(text) : []
  let shown = ''
  let end = 0
  for (const [from, to] of hidden) {
    const value = text.slice(Math.max(from, end), to)
    shown += text.slice(end, from) + value.replace(REFERENCE_OR_CHARACTER, concealed)
    end = Math.max(end, to)
  }
  return (shown + text.slice(end)).split('\n').map(withoutPasswords).join('\n')
}

function concealed(found: string): string {
  return found.length > 1 && found.startsWith('${') ? found : '*'.repeat(found.length)
}

/** Returns the ranges of the values to hide, in their order. */
function hiddenRanges(text: string): readonly (readonly [from: number, to: number])[] {
  const ranges: [number, number][] = []
  /** @param path the path of the keys; undefined if the value is hidden */
  const visit = (node: unknown, path: string | undefined): void => {
    const isHidden = path === undefined || SECRET_PATHS.has(path)
    if (isScalar(node) && isHidden && node.range) ranges.push([node.range[0], node.range[1]])
    if (isSeq(node)) for (const item of node.items) visit(item, isHidden ? undefined : entryPath(path))
    if (!isMap(node)) return
    for (const { key, value } of node.items) {
      const name = isScalar(key) ? String(key.value) : ''
      visit(value, isHidden ? undefined : LEAVES.has(path) ? path : childPath(path, name))
    }
  }
  visit(parseDocument(text, { schema: 'core', prettyErrors: false, uniqueKeys: false }).contents, '')
  return ranges
}

/** Returns the paths without keys below them, such as bodies of answers. */
function leavesOf(known: ReadonlySet<string>): ReadonlySet<string> {
  const parents = new Set([''])
  for (const path of known) {
    const parent = path.slice(0, path.lastIndexOf('.'))
    parents.add(parent)
    if (parent.endsWith('[]')) parents.add(parent.slice(0, -2))
  }
  return new Set([...known].filter((path) => !parents.has(path)))
}

/** Returns the path of the entries of a list. A list of scalars has the path of its key. */
function entryPath(path: string): string {
  return [...KNOWN].some((each) => each.startsWith(`${path}[]`)) ? `${path}[]` : path
}

/** Returns the path of a key of a map, which may be the only entry of a list; undefined if unknown. */
function childPath(path: string, name: string): string | undefined {
  return [`${path}.${name}`, `${path}.*`, `${path}[].${name}`].find((each) => KNOWN.has(each))
}
