import { createHash } from 'node:crypto'
import type { Read } from './decoders.js'

/** Secrets that anybody tries first, and those of examples that people copy. */
const KNOWN_SECRETS = [
  ...[
    '',
    '\n',
    'a',
    'abc',
    'admin',
    'changeme',
    'default',
    'example',
    'foo',
    'foobar',
    'hello',
    'hello world',
  ],
  ...[
    'Hello, World!',
    'key',
    'letmein',
    'my-api-key',
    'my-secret',
    'mysecret',
    'p@ssw0rd',
    'pass',
    'password',
  ],
  ...['Password', 'password1', 'password123', 'qwerty', 'root', 'secret', 'Secret', 'secret123', 'sesame'],
  ...[
    'sluice',
    'test',
    'test-key',
    'testing',
    'token',
    'admin-token',
    'my-token',
    'api-key',
    'apikey',
    'user',
  ],
  ...['hunter2', 'changeit', 'null', 'undefined', 'true', 'false', 'none', 'iloveyou', 'dragon', 'monkey'],
  ...[
    '12',
    '123',
    '1234',
    '12345',
    '123456',
    '1234567',
    '12345678',
    '123456789',
    '1234567890',
    '111111',
    '000000',
  ],
  ...Array.from({ length: 10 }, (_, digit) => String(digit)),
]

const KNOWN_DIGESTS: ReadonlySet<string> = new Set(
  KNOWN_SECRETS.flatMap((secret) => [secret, `${secret}\n`]).map((secret) =>
    createHash('sha256').update(secret).digest('hex'),
  ),
)

/** Whether a digest belongs to no secret that was drawn at random: a well-known one, or digits that repeat. */
function isKnown(digest: string): boolean {
  return KNOWN_DIGESTS.has(digest) || /^(.{1,16})\1+$/.test(digest) || /^0123456789abcdef/.test(digest)
}

/**
 * Reads the SHA-256 of a secret. What stands there is not repeated: it may be the secret that somebody has put there by mistake.
 *
 * @param what whose digest it is, such as 'a key'
 * @param writer the command that writes it
 */
export function sha256Of(what: string, writer: string): Read<string> {
  return (node, problems) => {
    if (node.kind === 'scalar' && typeof node.value === 'string' && /^[0-9a-fA-F]{64}$/.test(node.value)) {
      const digest = node.value.toLowerCase()
      if (!isKnown(digest)) return digest
      problems.at(
        node,
        `${node.label} is the digest of a secret that anybody can guess, or of an example; \`${writer}\` writes one of your own`,
      )
      return undefined
    }
    const wanted = `the SHA-256 of ${what} in 64 hexadecimal digits, as \`${writer}\` writes it`
    problems.at(node, `${node.label} is ${wanted}; never ${what.replace(/^a /, 'the ')} itself`)
    return undefined
  }
}
