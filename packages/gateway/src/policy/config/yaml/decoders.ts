import { nearest } from 'sluice/internal'
import type { ZodType } from 'zod'
import type { Problems } from './diagnostics.js'
import { type ConfigNode, type MapNode, mismatch, quote } from './yaml-node.js'

/** Decodes one YAML value. An invalid value is reported to `problems` and decoded as undefined. */
export interface Decoder<T> {
  (node: ConfigNode, problems: Problems): T | undefined
  /** Lists the keys below the value; absent for a decoder of scalars. See `keyPathsOf`. */
  readonly keyPaths?: () => readonly string[]
}

/** The keys of a map, each with the decoder of its value. */
type Shape = Readonly<Record<string, Decoder<unknown>>>

/** The decoded values of a map. A key that is missing or invalid in the file is absent. */
export type Values<S extends Shape> = { readonly [Key in keyof S]?: Exclude<ReturnType<S[Key]>, undefined> }

/**
 * Lists every key that a decoder accepts below its value: `.limits[].by` for the key `by` of an
 * entry of the list `limits`. `*` is a name that the operator chooses.
 */
export function keyPathsOf({ keyPaths }: Decoder<unknown>): readonly string[] {
  return keyPaths?.() ?? []
}

/** Turns a function into a decoder that accepts the same keys as another decoder. */
export function withKeysOf<T>(
  keys: Decoder<unknown>,
  decode: (node: ConfigNode, problems: Problems) => T | undefined,
): Decoder<T> {
  return Object.assign((node: ConfigNode, problems: Problems) => decode(node, problems), {
    keyPaths: () => keyPathsOf(keys),
  })
}

/**
 * Decodes a scalar that a schema accepts.
 *
 * @param expected completes "'key' must be" in the error message
 */
export function scalar<T>(schema: ZodType<T>, expected: string): Decoder<T> {
  return (node, problems) => {
    for (const value of valuesOf(node)) {
      const result = schema.safeParse(value)
      if (result.success) return result.data
    }
    problems.at(node, mismatch(node, expected))
    return undefined
  }
}

/** Returns a scalar, and the number or boolean that it may stand for if a variable holds it. */
function valuesOf(node: ConfigNode): readonly unknown[] {
  if (node.kind !== 'scalar') return []
  const { value, written } = node
  if (written === undefined) return [value]
  if (value === 'true' || value === 'false') return [value, value === 'true']
  return /^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i.test(String(value)) ? [value, Number(value)] : [value]
}

/** Decodes a value and converts it. An error that `convert` throws is reported at the value. */
export function transform<T, U>(decode: Decoder<T>, convert: (value: T) => U): Decoder<U> {
  return withKeysOf(decode, (node, problems) => {
    const value = decode(node, problems)
    if (value === undefined) return undefined
    try {
      return convert(value)
    } catch (error) {
      problems.at(node, (error as Error).message)
      return undefined
    }
  })
}

/** Decodes a list of at most `max` entries. Invalid entries are omitted. */
export function listOf<T>(decode: Decoder<T>, expected: string, max: number): Decoder<readonly T[]> {
  const decodeList = (node: ConfigNode, problems: Problems) => {
    if (node.kind !== 'list') {
      problems.at(node, mismatch(node, expected))
      return undefined
    }
    if (node.items.length > max) {
      problems.at(node, `${node.label} has ${node.items.length} entries; the maximum is ${max}`)
      return undefined
    }
    return node.items.map((item) => decode(item, problems)).filter((item) => item !== undefined)
  }
  return Object.assign(decodeList, { keyPaths: () => keyPathsOf(decode).map((path) => `[]${path}`) })
}

/** Decodes one value, or a list of at most `max` values, as a list. */
export function oneOrListOf<T>(decode: Decoder<T>, expected: string, max: number): Decoder<readonly T[]> {
  const decodeList = listOf(decode, expected, max)
  return withKeysOf(decodeList, (node, problems) => {
    if (node.kind === 'list') return decodeList(node, problems)
    const value = decode(node, problems)
    return value === undefined ? undefined : [value]
  })
}

/** Decodes a map with known keys. Unknown keys are reported; the other keys are still decoded. */
export function mapOf<S extends Shape>(shape: S, expected: string): Decoder<Values<S>> {
  const decodeMap = (node: ConfigNode, problems: Problems) => {
    if (node.kind !== 'map') {
      problems.at(node, mismatch(node, expected))
      return undefined
    }
    checkKeys(node, Object.keys(shape), problems)
    const values: Record<string, unknown> = {}
    for (const [key, decode] of Object.entries(shape)) {
      const entry = node.entries.get(key)
      const value = entry === undefined ? undefined : decode(entry.value, problems)
      if (value !== undefined) values[key] = value
    }
    return values as Values<S>
  }
  const keyPaths = () =>
    Object.entries(shape).flatMap(([key, decode]) =>
      ['', ...keyPathsOf(decode)].map((path) => `.${key}${path}`),
    )
  return Object.assign(decodeMap, { keyPaths })
}

/** Decodes a map of at most `max` entries, whose keys the operator chooses. */
export function recordOf<T>(
  decode: Decoder<T>,
  expected: string,
  max: number,
): Decoder<Readonly<Record<string, T>>> {
  const decodeRecord = (node: ConfigNode, problems: Problems) => {
    if (node.kind !== 'map') {
      problems.at(node, mismatch(node, expected))
      return undefined
    }
    if (node.entries.size > max) {
      problems.at(node, `${node.label} has ${node.entries.size} entries; the maximum is ${max}`)
      return undefined
    }
    const values: Record<string, T> = Object.create(null)
    for (const [key, entry] of node.entries) {
      const value = decode(entry.value, problems)
      if (value !== undefined) values[key] = value
    }
    return values
  }
  return Object.assign(decodeRecord, {
    keyPaths: () => ['', ...keyPathsOf(decode)].map((path) => `.*${path}`),
  })
}

/** Maximum number of unknown keys that are reported per map. */
const MAX_UNKNOWN_KEYS = 100

function checkKeys(node: MapNode, known: readonly string[], problems: Problems): void {
  const unknown = [...node.entries].filter(([key]) => !known.includes(key))
  for (const [key, { keyStart }] of unknown.slice(0, MAX_UNKNOWN_KEYS)) {
    problems.add(keyStart, unknownKey(key, known))
  }
}

function unknownKey(key: string, known: readonly string[]): string {
  const suggestion = nearest(key, known)
  if (suggestion !== undefined) return `unknown key ${quote(key)}; did you mean '${suggestion}'?`
  return `unknown key ${quote(key)}; expected one of ${known.join(', ')}`
}
