import type { Problems } from './diagnostics.js'
import { type ConfigNode, isString, type MapEntry, type ScalarNode } from './yaml-node.js'

/** A reference, an escaped one, or braces with something else in them. */
const REFERENCE = /\$?\$\{([^{}]*)\}/g
const ENV = /^env:([A-Za-z_]\w*)(?::-(.*))?$/s
const FILE = /^file:(.+)$/s

export const FILE_REFERENCE = /\$\{file:([^{}]+)\}/g

/** Maximum length of a value, in UTF-16 code units. */
export const MAX_VALUE_LENGTH = 65_536

/** Returns the values to which a configuration refers. */
export interface VariableSource {
  /** @param section the key at the top of the file below which the reference is */
  env(name: string, section: string): string | undefined
  /** @throws Error whose message states why there is no value */
  file(path: string, section: string): string
  /**
   * Returns the contents of the price list.
   *
   * @throws Error whose message states why they are unknown
   */
  priceList(path: string): string
}

/** Values by reference: `env:REDIS_URL`, `file:/run/secrets/redis`, and the price list as `prices:PATH`. */
export type Variables = Readonly<Record<string, string>>

/**
 * Replaces `${env:NAME}`, `${env:NAME:-default}` and `${file:PATH}` in all values of a file. `$${`
 * stands for `${`. Problems of a value quote it as the file writes it.
 *
 * @returns the file, and the values that were read
 */
export function substitute(
  root: ConfigNode,
  source: VariableSource,
  problems: Problems,
): { readonly root: ConfigNode; readonly variables: Variables } {
  const variables: Record<string, string> = Object.create(null)
  const resolve = (reference: string, section: string): string => {
    const [, name, fallback] = ENV.exec(reference) ?? []
    if (name !== undefined) {
      const value = checked(source.env(name, section), `the environment variable ${name}`)
      if (value !== undefined) variables[`env:${name}`] = value
      // As in a shell, an empty variable has the default.
      if (value || (value !== undefined && fallback === undefined)) return value
      if (fallback !== undefined) return fallback
      throw new Error(
        `the environment variable ${name} is not set; set it, or write \${env:${name}:-default}`,
      )
    }
    const [, path] = FILE.exec(reference) ?? []
    if (path === undefined) throw new Error(unknownReference(reference))
    const value = checked(source.file(path, section), `the file ${path}`) as string
    variables[`file:${path}`] = value
    return value
  }
  const replace = (node: ConfigNode, section: string, within: readonly ConfigNode[]): ConfigNode => {
    // Messages about the whole file quote no value of a key.
    const inside = section === '' ? [] : [...within, node]
    if (node.kind === 'list')
      return { ...node, items: node.items.map((item) => replace(item, section, inside)) }
    if (node.kind === 'map') {
      const entries = new Map<string, MapEntry>()
      for (const [key, entry] of node.entries)
        entries.set(key, { ...entry, value: replace(entry.value, section || key, inside) })
      return { ...node, entries }
    }
    if (!isString(node) || !node.value.includes('${')) return node
    return replaceIn(node, within, (reference) => resolve(reference, section), problems)
  }
  return { root: replace(root, '', []), variables }
}

function replaceIn(
  node: ScalarNode & { readonly value: string },
  within: readonly ConfigNode[],
  resolve: (reference: string) => string,
  problems: Problems,
): ConfigNode {
  let isInvalid = false
  let hasReferences = false
  const value = node.value.replaceAll(REFERENCE, (written, reference: string, index: number) => {
    if (written.startsWith('$$')) return written.slice(1)
    hasReferences = true
    try {
      const value = resolve(reference)
      problems.conceal(node, value, within)
      return value
    } catch (error) {
      isInvalid = true
      problems.inString(node, index, (error as Error).message)
      return ''
    }
  })
  if (isInvalid) return { kind: 'invalid', label: node.label, start: node.start }
  return hasReferences ? { ...node, value, written: node.value } : { ...node, value }
}

function unknownReference(reference: string): string {
  const meant = /^[A-Za-z_]\w*$/.test(reference) ? `\${env:${reference}}` : `\${env:NAME} or \${file:PATH}`
  return `\${${reference.slice(0, 40)}} is not a valid reference; write ${meant}, or $\${ for the characters \${`
}

function checked(value: string | undefined, subject: string): string | undefined {
  if (value !== undefined && value.length > MAX_VALUE_LENGTH)
    throw new Error(`${subject} has more than ${MAX_VALUE_LENGTH} characters`)
  if (value?.includes('\0')) throw new Error(`${subject} contains a NUL byte`)
  return value
}
