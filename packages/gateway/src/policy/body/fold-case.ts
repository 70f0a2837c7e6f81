/**
 * A member's name in one case: names that Go takes for one have one result. Two letters beyond ASCII are taken for ASCII ones,
 * too: the long s and the sign for kelvin.
 */
export function foldCase(name: string): string {
  return name.toUpperCase().toLowerCase()
}
