import { createRequire } from 'node:module'
import type { Tokenizer } from './token-counter.js'

/** The encodings that tokens can be counted with, by their OpenAI names. */
export const TOKENIZERS = ['o200k_base', 'cl100k_base', 'p50k_base', 'r50k_base'] as const

interface Encoding {
  countTokens(text: string, options: { readonly disallowedSpecial: ReadonlySet<string> }): number
}

/**
 * Loads a tokenizer from the optional package gpt-tokenizer, which needs about 10 MB of memory.
 *
 * @throws Error with the command to install the package, if it is missing
 */
export function loadTokenizer(name: (typeof TOKENIZERS)[number]): Tokenizer {
  const encoding = load(name)
  // Special tokens of the model are counted as plain text.
  const options = { disallowedSpecial: new Set<string>() }
  return (text) => encoding.countTokens(text, options)
}

function load(name: string): Encoding {
  try {
    return createRequire(import.meta.url)(`gpt-tokenizer/cjs/encoding/${name}`) as Encoding
  } catch (cause) {
    throw new Error(
      `the tokenizer '${name}' requires the package gpt-tokenizer; run npm install gpt-tokenizer`,
      {
        cause,
      },
    )
  }
}
