/**
 * Parses the URL of the upstream: http or https, without credentials, query or fragment.
 *
 * @throws TypeError that says what would be right
 */
export function parseUpstreamUrl(text: string): URL {
  const example = 'write for example http://127.0.0.1:9000'
  if (!URL.canParse(text)) throw new TypeError(`the upstream is no URL; ${example}`)
  const url = new URL(text)
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw new TypeError(
      `the upstream's URL begins with ${url.protocol}, not with http: or https:; ${example}`,
    )
  }
  if (url.username !== '' || url.password !== '') {
    throw new TypeError(`the upstream's URL has a user name or password, which it cannot have; ${example}`)
  }
  if (url.search !== '' || url.hash !== '') {
    throw new TypeError(`the upstream's URL has a query or fragment, which it cannot have; ${example}`)
  }
  return url
}
