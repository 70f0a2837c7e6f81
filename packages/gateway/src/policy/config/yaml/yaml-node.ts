/**
 * A value of a configuration file with its position: the only form in which other modules see YAML.
 */
export type ConfigNode = MapNode | ListNode | ScalarNode | InvalidNode

interface Located {
  /** The value's name in messages: its key in quotes, or `an entry of 'limits'`. */
  readonly label: string
  /** Start of the value, as an index into the file's text. */
  readonly start: number
}

export interface MapNode extends Located {
  readonly kind: 'map'
  readonly entries: ReadonlyMap<string, MapEntry>
}

export interface MapEntry {
  readonly keyStart: number
  readonly value: ConfigNode
}

interface ListNode extends Located {
  readonly kind: 'list'
  readonly items: readonly ConfigNode[]
}

export interface ScalarNode extends Located {
  readonly kind: 'scalar'
  readonly value: string | number | boolean | null
  /** Index of the first character of a string, after its opening quote if it has one. */
  readonly stringStart: number
  /** The string as the file writes it, if it refers to variables. */
  readonly written?: string
}

/** A value whose problem has been reported. Further problems with it are not reported. */
interface InvalidNode extends Located {
  readonly kind: 'invalid'
}

export function isString(node: ConfigNode): node is ScalarNode & { readonly value: string } {
  return node.kind === 'scalar' && typeof node.value === 'string'
}

/** Returns the value of a key; undefined if the key is missing or the node is not a map. */
export function entryOf(node: ConfigNode | undefined, key: string): ConfigNode | undefined {
  return node?.kind === 'map' ? node.entries.get(key)?.value : undefined
}

/** Returns the entries of a list, or any other node as the only entry. */
export function itemsOf(node: ConfigNode | undefined): readonly ConfigNode[] {
  if (node === undefined) return []
  return node.kind === 'list' ? node.items : [node]
}

/**
 * Formats the message for a value of the wrong type or out of range: `'a' must be a list, not 'x'`.
 */
export function mismatch(node: ConfigNode, expected: string): string {
  return isEmpty(node)
    ? `${node.label} must be ${expected}, but it is empty`
    : `${node.label} must be ${expected}, not ${describeNode(node)}`
}

function isEmpty(node: ConfigNode): boolean {
  return node.kind === 'scalar' && node.value === null
}

/** Describes a value for a message: `'x'`, `5`, `a list`, `an empty value`. */
export function describeNode(node: ConfigNode): string {
  if (node.kind !== 'scalar') return `a ${node.kind}`
  if (node.value === null) return 'an empty value'
  if (node.written !== undefined) return quote(node.written)
  return typeof node.value === 'string' ? quote(node.value) : String(node.value)
}

/** Quotes a string of the file for a message, on one line and truncated to 60 characters. */
export function quote(text: string): string {
  const line = text.replaceAll(/\s+/g, ' ')
  return `'${line.length > 60 ? `${line.slice(0, 57)}...` : line}'`
}
