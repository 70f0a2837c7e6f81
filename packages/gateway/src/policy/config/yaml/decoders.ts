import { nearest } from 'sluice/internal'
import type { ZodType } from 'zod'
import type { Problems } from './diagnostics.js'
import { type ConfigNode, described, type MapNode, quoted } from './yaml-node.js'

/** Reads one value. What is wrong is told to `problems`, and undefined is returned. */
export type Read<T> = (node: ConfigNode, problems: Problems) => T | undefined

/** What may stand in a map, and how each of it is read. */
type Shape = Readonly<Record<string, Read<unknown>>>

/** What was read: what is not in the file, or is wrong there, is not in it. */
export type Values<S extends Shape> = { readonly [Key in keyof S]?: Exclude<ReturnType<S[Key]>, undefined> }

/**
 * Reads a single value that keeps to a schema.
 *
 * @param wanted what would be right, as it follows "'x' is"
 */
export function single<T>(schema: ZodType<T>, wanted: string): Read<T> {
  return (node, problems) => {
    const result = node.kind === 'scalar' ? schema.safeParse(node.value) : undefined
    if (result?.success === true) return result.data
    problems.at(node, `${node.label} is ${wanted}, not ${described(node)}`)
    return undefined
  }
}

/** Reads a single value and makes something of it; what `make` throws is told where the value stands. */
export function made<T, U>(read: Read<T>, make: (value: T) => U): Read<U> {
  return (node, problems) => {
    const value = read(node, problems)
    if (value === undefined) return undefined
    try {
      return make(value)
    } catch (error) {
      problems.at(node, (error as Error).message)
      return undefined
    }
  }
}

/** Reads a list; entries that are wrong are left out. */
export function listOf<T>(read: Read<T>, wanted: string, most: number): Read<readonly T[]> {
  return (node, problems) => {
    if (node.kind !== 'list') {
      problems.at(node, `${node.label} is ${wanted}, not ${described(node)}`)
      return undefined
    }
    if (node.items.length > most) {
      problems.at(node, `${node.label} has ${node.items.length} entries; it may have ${most}`)
      return undefined
    }
    return node.items.map((item) => read(item, problems)).filter((item) => item !== undefined)
  }
}

/** Reads a map. Keys that are not in the shape are told, and do not hinder the others. */
export function mapOf<S extends Shape>(shape: S, wanted: string): Read<Values<S>> {
  return (node, problems) => {
    if (node.kind !== 'map') {
      problems.at(node, `${node.label} is ${wanted}, not ${described(node)}`)
      return undefined
    }
    checkKeys(node, Object.keys(shape), problems)
    const values: Record<string, unknown> = {}
    for (const [key, read] of Object.entries(shape)) {
      const entry = node.entries.get(key)
      const value = entry === undefined ? undefined : read(entry.value, problems)
      if (value !== undefined) values[key] = value
    }
    return values as Values<S>
  }
}

/** Reads a map whose keys are names that somebody chose. */
export function recordOf<T>(read: Read<T>, wanted: string, most: number): Read<Readonly<Record<string, T>>> {
  return (node, problems) => {
    if (node.kind !== 'map' || node.entries.size > most) {
      problems.at(node, `${node.label} is ${wanted}, of up to ${most} names; not ${described(node)}`)
      return undefined
    }
    const values: Record<string, T> = Object.create(null)
    for (const [key, entry] of node.entries) {
      const value = read(entry.value, problems)
      if (value !== undefined) values[key] = value
    }
    return values
  }
}

/** More unknown keys of one map are not told. */
const MAX_UNKNOWN = 100

function checkKeys(node: MapNode, known: readonly string[], problems: Problems): void {
  const unknown = [...node.entries].filter(([key]) => !known.includes(key))
  for (const [key, { keyStart }] of unknown.slice(0, MAX_UNKNOWN)) {
    problems.add(keyStart, unknownKey(key, known))
  }
}

function unknownKey(key: string, known: readonly string[]): string {
  const meant = nearest(key, known)
  if (meant !== undefined) return `unknown key ${quoted(key)}; did you mean '${meant}'?`
  return `unknown key ${quoted(key)}; here there can be ${known.join(', ')}`
}
