/** A text that must not contain secrets. */
export interface SearchedText {
  /** Where the text comes from. */
  readonly where: string
  readonly text: string
}

/** A secret that a text contains. */
export interface FoundSecret {
  /** The name of the secret, and never its value. */
  readonly secret: string
  readonly where: string
  /** The encodings in which the text contains it. */
  readonly forms: readonly string[]
}

/** Length of a part of a secret that no text may contain either, such as the end of a truncated one. */
const PART_LENGTH = 12

/**
 * Searches texts for secrets in every common encoding.
 *
 * @param secrets the values by name. Each has at least 16 characters
 */
export function searchSecrets(
  texts: Iterable<SearchedText>,
  secrets: Readonly<Record<string, string>>,
): FoundSecret[] {
  const searched = Object.entries(secrets).map(([secret, value]) => ({ secret, encodings: formsOf(value) }))
  const found: FoundSecret[] = []
  for (const { where, text } of texts)
    for (const { secret, encodings } of searched) {
      const present = encodings.filter(([, needles]) => needles.some((needle) => text.includes(needle)))
      if (present.length > 0) found.push({ secret, where, forms: present.map(([form]) => form) })
    }
  return found
}

/** Returns the strings from which a secret could be recovered, by the name of the encoding. */
export function formsOf(secret: string): [form: string, needles: readonly string[]][] {
  if (secret.length < 16) throw new RangeError('a secret must have at least 16 characters to be searched')
  const bytes = Buffer.from(secret)
  const hex = bytes.toString('hex')
  const percent = hex.replaceAll(/../g, '%$&')
  const json = JSON.stringify(secret).slice(1, -1)
  return [
    ['plain', [secret]],
    ['a part', partsOf(secret)],
    ['base64', base64Of(bytes)],
    ['base64url', base64Of(bytes).map((text) => text.replaceAll('+', '-').replaceAll('/', '_'))],
    ['URL-encoded', bothCases(encodeURIComponent(secret), /%../g)],
    ['form-encoded', bothCases(new URLSearchParams([['', secret]]).toString().slice(1), /%../g)],
    ['fully percent-encoded', bothCases(percent, /%../g)],
    ['hexadecimal', bothCases(hex, /../g)],
    ['JSON', [json, JSON.stringify(json).slice(1, -1), unicodeEscaped(secret)]],
    ['HTML', htmlOf(secret)],
  ]
}

function partsOf(secret: string): string[] {
  return Array.from({ length: secret.length - PART_LENGTH + 1 }, (_, at) =>
    secret.slice(at, at + PART_LENGTH),
  )
}

/** Returns the base64 that does not depend on what surrounds the bytes, for each alignment. */
function base64Of(bytes: Buffer): string[] {
  return [0, 1, 2].map((skipped) => {
    const whole = bytes.subarray(skipped)
    return whole.subarray(0, whole.length - (whole.length % 3)).toString('base64')
  })
}

function bothCases(text: string, encoded: RegExp): string[] {
  return [
    text.replaceAll(encoded, (each) => each.toUpperCase()),
    text.replaceAll(encoded, (each) => each.toLowerCase()),
  ]
}

function unicodeEscaped(secret: string): string {
  return [...secret].map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`).join('')
}

const NAMED: Readonly<Record<string, string>> = {
  ...{ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' },
}

function htmlOf(secret: string): string[] {
  const decimal = (char: string) => `&#${char.charCodeAt(0)};`
  const hexadecimal = (char: string) => `&#x${char.charCodeAt(0).toString(16)};`
  return [
    secret.replaceAll(/[&<>"']/g, (char) => NAMED[char] as string),
    secret.replaceAll(/[&<>]/g, (char) => NAMED[char] as string),
    secret.replaceAll(/[&<>"']/g, decimal),
    secret.replaceAll(/[&<>"'/]/g, hexadecimal),
  ]
}
