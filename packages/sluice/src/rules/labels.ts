import { OptionRangeError, OptionTypeError } from '../option-error.js'

/** Attributes of a client by name, such as `{ org: 'acme', models: ['small', 'llama-*'] }`. */
export type Labels = Readonly<Record<string, string | readonly string[]>>

/** Maximum number of labels of a client. */
const MAX_LABELS = 32
/** Maximum length of a value, in UTF-16 code units. */
const MAX_VALUE_LENGTH = 256
/** Maximum number of values of a label that is a list. */
const MAX_VALUES = 100

/** The other members of a client, which no label can be called. */
const RESERVED: readonly string[] = ['id', 'tier']

/** Labels that are known to be valid and cannot change. */
const checked = new WeakSet<object>()

/**
 * Validates the labels of a client.
 *
 * @returns a frozen copy, which is valid without another check
 * @throws TypeError, RangeError that name the label, and contain no values
 */
export function checkLabels(labels: unknown): Labels {
  if (labels === null || typeof labels !== 'object' || Array.isArray(labels))
    throw new OptionTypeError(['labels'], "'labels' must be an object such as { org: 'acme', team: 'red' }")
  if (checked.has(labels)) return labels as Labels
  const entries = Object.entries(labels)
  if (entries.length > MAX_LABELS)
    throw new OptionRangeError(
      ['labels'],
      `a client can have at most ${MAX_LABELS} labels, not ${entries.length}`,
    )
  const copy = Object.freeze(
    Object.fromEntries(entries.map(([name, value]) => [checkLabelName(name), checkValue(name, value)])),
  )
  checked.add(copy)
  return copy
}

/** Checks the name of a label. @throws RangeError */
export function checkLabelName(name: string): string {
  const problem = labelNameProblem(name)
  if (problem !== undefined) throw new OptionRangeError(['labels', name.slice(0, 70)], problem)
  return name
}

/** Returns why a label cannot have a name; undefined if it can. */
export function labelNameProblem(name: string): string | undefined {
  if (RESERVED.includes(name))
    return `no label can be called '${name}', which is a member of every client; choose another name`
  return /^[a-z][a-z0-9_]{0,63}$/.test(name)
    ? undefined
    : `the name of a label must be 1 to 64 lower-case letters, digits and '_', and begin with a letter, not '${name.slice(0, 70)}'`
}

function checkValue(name: string, value: unknown): string | readonly string[] {
  if (isValue(value)) return value
  if (Array.isArray(value) && value.length <= MAX_VALUES && value.every(isValue))
    return Object.freeze([...value])
  throw new OptionTypeError(
    ['labels', name],
    `the label '${name}' must be a string of 1 to ${MAX_VALUE_LENGTH} characters, or a list of at most ${MAX_VALUES} of them`,
  )
}

function isValue(value: unknown): value is string {
  return typeof value === 'string' && value.length > 0 && value.length <= MAX_VALUE_LENGTH
}

/** Returns a label of a client; undefined if it has none of that name. */
export function labelOf(
  client: { readonly labels?: Labels } | undefined,
  name: string,
): string | readonly string[] | undefined {
  const labels = client?.labels
  return labels !== undefined && Object.hasOwn(labels, name) ? labels[name] : undefined
}
