/** A member's name in one case: names that Go takes for one have one result. */
export function foldCase(name: string): string {
  return name.toUpperCase().toLowerCase()
}
