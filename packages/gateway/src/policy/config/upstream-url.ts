/**
 * Parses the URL of the upstream: http or https, without credentials, query or fragment.
 *
 * @param key the key of the URL, for messages
 * @throws TypeError that states the problem and a valid example
 */
export function parseUpstreamUrl(text: string, key = 'upstream'): URL {
  const example = 'write, for example, http://127.0.0.1:9000'
  if (!URL.canParse(text)) throw new TypeError(`'${key}' must be a URL; ${example}`)
  const url = new URL(text)
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw new TypeError(`'${key}' must begin with http: or https:, not '${url.protocol}'; ${example}`)
  }
  if (url.username !== '' || url.password !== '') {
    throw new TypeError(`'${key}' must not contain a user name or password; ${example}`)
  }
  if (url.search !== '' || url.hash !== '') {
    throw new TypeError(`'${key}' must not contain a query or fragment; ${example}`)
  }
  return url
}
