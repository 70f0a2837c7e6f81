/** Returns a URL for output and logs: without its user, query and fragment, which may contain secrets. */
export function shownUrl(url: string): string {
  const { origin, pathname } = new URL(url)
  return origin + pathname
}
