import { createRequire } from 'node:module'
import type { Tokenizer } from './token-counter.js'

/** The vocabularies that tokens can be counted by, as OpenAI names them. */
export const TOKENIZERS = ['o200k_base', 'cl100k_base', 'p50k_base', 'r50k_base'] as const

interface Encoding {
  countTokens(text: string, options: { readonly disallowedSpecial: ReadonlySet<string> }): number
}

/**
 * A tokenizer of the package gpt-tokenizer, which whoever wants one installs beside the gateway. It takes some ten
 * megabytes of memory and a moment to load.
 *
 * @throws Error that says what to install, where the package is not there.
 */
export function loadTokenizer(name: (typeof TOKENIZERS)[number]): Tokenizer {
  const encoding = load(name)
  // What looks like a mark of the model's own is a text like any other here.
  const options = { disallowedSpecial: new Set<string>() }
  return (text) => encoding.countTokens(text, options)
}

function load(name: string): Encoding {
  try {
    return createRequire(import.meta.url)(`gpt-tokenizer/cjs/encoding/${name}`) as Encoding
  } catch (cause) {
    throw new Error(`the tokenizer '${name}' needs the package gpt-tokenizer: npm install gpt-tokenizer`, {
      cause,
    })
  }
}
