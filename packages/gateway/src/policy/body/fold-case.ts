/**
 * Folds the case of a member name as Go's JSON decoder does to compare names: the long s and the
 * kelvin sign fold to ASCII letters.
 */
export function foldCase(name: string): string {
  return name.toUpperCase().toLowerCase()
}
