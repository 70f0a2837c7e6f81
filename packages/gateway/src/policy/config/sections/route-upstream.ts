import { suggestOrList } from 'sluice/internal'
import { VARIABLES } from '../cel/cel-language.js'
import { nameExpression } from '../cel/expression.js'
import type { ExpressionScope } from '../cel/expression-scope.js'
import type { ChooseUpstream, PolicyConfig, UpstreamConfig } from '../config.js'
import { reported } from '../limits/limit-key.js'
import type { Decoder } from '../yaml/decoders.js'
import { string } from '../yaml/scalars.js'
import { upstreamUrl } from './tls-section.js'
import { UPSTREAM_NAME } from './upstreams-section.js'

/**
 * Creates the decoder of a route's `upstream`: a URL, the name of an upstream, or an expression that
 * returns a name.
 *
 * @param scope the names that the expression may use
 * @param upstreams the names of all upstreams
 */
export function routeUpstreamDecoder(
  scope: ExpressionScope,
  upstreams: readonly string[],
): Decoder<string | ChooseUpstream> {
  return (node, problems) => {
    const text = string('vllm')(node, problems)
    if (text === undefined) return undefined
    if (isUrl(text)) return upstreamUrl(node, problems)
    if (upstreams.includes(text)) return text
    const unknown = (name: string) => `unknown upstream '${name}'${suggestOrList(name, upstreams)}`
    if (UPSTREAM_NAME.test(text) && !VARIABLES.has(text)) {
      problems.at(node, unknown(text))
      return undefined
    }
    const problemOf = (name: string) =>
      upstreams.includes(name) ? undefined : { at: 0, message: unknown(name) }
    return reported(node, nameExpression('upstream', text, scope, problemOf), problems)
  }
}

/** Names the upstreams of the URLs that routes contain. */
export class UrlUpstreams {
  readonly #names = new Map<string, string>()

  /** The upstreams by name. */
  get all(): Readonly<Record<string, UpstreamConfig>> {
    return Object.fromEntries([...this.#names].map(([url, name]) => [name, { urls: [url] }]))
  }

  /** Replaces the URL of a policy by the name of its upstream. */
  named<P extends PolicyConfig>(policy: P): P {
    const { upstream } = policy
    return typeof upstream === 'string' && isUrl(upstream)
      ? { ...policy, upstream: this.#nameOf(upstream) }
      : policy
  }

  /** Returns a name without the path of the URL, which may be secret. */
  #nameOf(url: string): string {
    const { origin } = new URL(url)
    const taken = [...this.#names.values()]
    let name = this.#names.get(url) ?? origin
    if (!this.#names.has(url))
      for (let number = 2; taken.includes(name); number++) name = `${origin}#${number}`
    this.#names.set(url, name)
    return name
  }
}

function isUrl(text: string): boolean {
  return /^https?:/i.test(text)
}
