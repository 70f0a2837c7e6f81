/** A piece of a configuration file with its place in it: all that is known of YAML behind `readYaml`. */
export type ConfigNode = MapNode | ListNode | ScalarNode | BrokenNode

interface Placed {
  /** What the piece is called in messages: its key in the file, in quotes, or `an entry of 'limits'`. */
  readonly label: string
  /** Where it begins: an index into the text of the file. */
  readonly start: number
}

export interface MapNode extends Placed {
  readonly kind: 'map'
  readonly entries: ReadonlyMap<string, MapEntry>
}

export interface MapEntry {
  readonly keyStart: number
  readonly value: ConfigNode
}

interface ListNode extends Placed {
  readonly kind: 'list'
  readonly items: readonly ConfigNode[]
}

export interface ScalarNode extends Placed {
  readonly kind: 'scalar'
  readonly value: string | number | boolean | null
  /** Where the first character of a text stands: behind the quote that opens it, for one. */
  readonly textStart: number
}

/** Something of which it has been told already what is wrong with it; nothing more is said of it. */
interface BrokenNode extends Placed {
  readonly kind: 'broken'
}

export function isText(node: ConfigNode): node is ScalarNode & { readonly value: string } {
  return node.kind === 'scalar' && typeof node.value === 'string'
}

/** What stands there, for the end of a message: `not 'x'`, `not a list`. */
export function described(node: ConfigNode): string {
  if (node.kind !== 'scalar') return `a ${node.kind}`
  if (node.value === null) return 'nothing'
  return typeof node.value === 'string' ? quoted(node.value) : String(node.value)
}

/** A text of the file in a message: on one line, and not longer than helps. */
export function quoted(text: string): string {
  const line = text.replaceAll(/\s+/g, ' ')
  return `'${line.length > 60 ? `${line.slice(0, 57)}...` : line}'`
}
