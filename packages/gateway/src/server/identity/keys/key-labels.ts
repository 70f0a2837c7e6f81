import { isOptionError, type Labels } from 'sluice'
import { checkLabels } from 'sluice/internal'
import { KeyError } from './key-error.js'

/** Labels to set, and labels to remove, which are null. */
export type LabelChanges = Readonly<Record<string, string | readonly string[] | null>>

/** @throws KeyError */
export function checkKeyLabels(labels: Labels): Labels {
  try {
    return checkLabels(labels)
  } catch (error) {
    if (!isOptionError(error)) throw error
    throw new KeyError('invalid', error.reason)
  }
}

/**
 * Returns labels after changes; undefined if none are left.
 *
 * @throws KeyError if the result is invalid
 */
export function changedLabels(labels: Labels = {}, changes: LabelChanges): Labels | undefined {
  const entries = Object.entries({ ...labels, ...changes }).flatMap(([name, value]) =>
    value === null ? [] : [[name, value] as const],
  )
  const changed = checkKeyLabels(Object.fromEntries(entries))
  return entries.length === 0 ? undefined : changed
}
