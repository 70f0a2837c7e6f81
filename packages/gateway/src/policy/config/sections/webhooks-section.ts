import type { WebhookConfig } from '../config.js'
import { type Decoder, listOf, mapOf, transform, withKeysOf } from '../yaml/decoders.js'
import { string, timeout } from '../yaml/scalars.js'
import { isString } from '../yaml/yaml-node.js'

const MAX_WEBHOOKS = 10
const DEFAULT_TIMEOUT_MS = 5_000
const MAX_TIMEOUT_MS = 60_000
const DEFAULT_RETRY_MS = 86_400_000

const EXAMPLE_URL = 'https://hooks.example/sluice'

const url: Decoder<string> = transform(string(EXAMPLE_URL), (text) => {
  const invalid = (reason: string) => new TypeError(`'url' ${reason}; write, for example, ${EXAMPLE_URL}`)
  if (!URL.canParse(text)) throw invalid('must be a URL')
  const { protocol, username, password, hash } = new URL(text)
  if (protocol !== 'https:' && protocol !== 'http:') throw invalid('must begin with https: or http:')
  if (username !== '' || password !== '')
    throw invalid('must not contain a user name or password; the receiver checks the signature')
  if (hash !== '') throw invalid('must not contain a fragment')
  return text
})

const attemptTimeout: Decoder<number> = transform(timeout, (milliseconds) => {
  if (milliseconds > MAX_TIMEOUT_MS)
    throw new RangeError("the 'timeout' of a webhook must be at most 1 minute; write a shorter one")
  return milliseconds
})

/** Decodes the key of signatures. Messages never quote it. */
const secret: Decoder<string> = (node, problems) => {
  if (isString(node) && node.value.length >= 16 && node.value.length <= 256) return node.value
  problems.at(node, "'secret' must be a string of 16 to 256 characters that the receiver knows")
  return undefined
}

const webhookMap = mapOf(
  {
    url,
    secret,
    timeout: attemptTimeout,
    retry_for: timeout,
  },
  `a map such as { url: ${EXAMPLE_URL}, secret: … }`,
)

const webhook: Decoder<WebhookConfig> = withKeysOf(webhookMap, (node, problems) => {
  const values = webhookMap(node, problems)
  if (values === undefined || node.kind !== 'map') return undefined
  for (const key of ['url', 'secret'])
    if (!node.entries.has(key)) problems.at(node, `a webhook requires '${key}'`)
  const {
    url,
    secret,
    timeout: timeoutMs = DEFAULT_TIMEOUT_MS,
    retry_for: retryMs = DEFAULT_RETRY_MS,
  } = values
  return url === undefined || secret === undefined ? undefined : { url, secret, timeoutMs, retryMs }
})

const webhooks = listOf(
  webhook,
  `a list of webhooks such as [{ url: ${EXAMPLE_URL}, secret: … }]`,
  MAX_WEBHOOKS,
)

/** Decodes `webhooks`: the receivers of thresholds. */
export const decodeWebhooks: Decoder<readonly WebhookConfig[]> = withKeysOf(webhooks, (node, problems) => {
  const decoded = webhooks(node, problems)
  const urls = new Set<string>()
  for (const [index, { url }] of (decoded ?? []).entries()) {
    if (urls.has(url) && node.kind === 'list')
      problems.at(node.items[index] ?? node, 'another webhook has the same URL; remove one')
    urls.add(url)
  }
  return decoded
})
