import { createHash } from 'node:crypto'
import type { Decoder } from './decoders.js'

const WORDS = `a abc admin changeme default example foo foobar hello key letmein my-api-key my-secret
  mysecret p@ssw0rd pass password Password password1 password123 qwerty root secret Secret
  secret123 sesame sluice test test-key testing token admin-token my-token api-key apikey
  user hunter2 changeit null undefined true false none iloveyou dragon monkey 12 123 1234
  12345 123456 1234567 12345678 123456789 1234567890 111111 000000`

/** Secrets that attackers try first, and secrets from examples that people copy. */
const KNOWN_SECRETS = [
  ...['', '\n', 'Hello, World!', 'hello world'],
  ...WORDS.split(/\s+/),
  ...Array.from({ length: 10 }, (_, digit) => String(digit)),
]

const KNOWN_DIGESTS: ReadonlySet<string> = new Set(
  KNOWN_SECRETS.flatMap((secret) => [secret, `${secret}\n`]).map((secret) =>
    createHash('sha256').update(secret).digest('hex'),
  ),
)

/** Reports whether a digest is that of a well-known secret, or follows a pattern. */
function isGuessable(digest: string): boolean {
  return KNOWN_DIGESTS.has(digest) || /^(.{1,16})\1+$/.test(digest) || /^0123456789abcdef/.test(digest)
}

/**
 * Decodes the SHA-256 of a secret. Messages never quote the value: it may be the secret itself.
 *
 * @param secret the secret's kind, such as 'a key'
 * @param command the command that creates such a digest
 */
export function sha256Of(secret: string, command: string): Decoder<string> {
  return (node, problems) => {
    if (node.kind === 'scalar' && typeof node.value === 'string' && /^[0-9a-fA-F]{64}$/.test(node.value)) {
      const digest = node.value.toLowerCase()
      if (!isGuessable(digest)) return digest
      problems.at(
        node,
        `${node.label} is the digest of a secret that is easy to guess or copied from an example; \`${command}\` creates a random one`,
      )
      return undefined
    }
    const expected = `the SHA-256 of ${secret} in 64 hexadecimal digits, as \`${command}\` prints it`
    problems.at(node, `${node.label} must be ${expected}; never ${secret.replace(/^a /, 'the ')} itself`)
    return undefined
  }
}
