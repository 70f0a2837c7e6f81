import { describe, expect, it } from 'vitest'
import { formsOf, searchSecrets } from './secret-search.js'

const SECRET = 'p&ss<w0rd>"\'/+=%7 Ünïq'
const bytes = Buffer.from(SECRET)
const utf8 = (text: string) => Buffer.from(text)

const LEAKS: Readonly<Record<string, string>> = {
  plain: `x${SECRET}y`,
  truncated: SECRET.slice(0, 14),
  'the end': SECRET.slice(-13),
  'base64 of the secret': bytes.toString('base64'),
  'base64 after one byte': utf8(`:${SECRET}:`).toString('base64'),
  'base64 after two bytes': utf8(`a:${SECRET}`).toString('base64'),
  'base64 of a user and the secret': utf8(`user:${SECRET}`).toString('base64'),
  'base64url after one byte': utf8(`:${SECRET}`).toString('base64url'),
  'base64url in JSON': utf8(JSON.stringify({ plain: SECRET.slice(0, 6) })).toString('base64url'),
  'URL-encoded': encodeURIComponent(SECRET),
  'URL-encoded in lower case': encodeURIComponent(SECRET).replaceAll(/%../g, (each) => each.toLowerCase()),
  'form-encoded': new URLSearchParams({ a: SECRET }).toString(),
  'fully percent-encoded': bytes.toString('hex').replaceAll(/../g, '%$&'),
  'fully percent-encoded in upper case': bytes.toString('hex').toUpperCase().replaceAll(/../g, '%$&'),
  hexadecimal: bytes.toString('hex'),
  'hexadecimal in upper case': bytes.toString('hex').toUpperCase(),
  JSON: JSON.stringify({ SECRET }),
  'JSON in JSON': JSON.stringify(JSON.stringify({ SECRET })),
  'Unicode escapes': [...SECRET]
    .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
    .join(''),
  HTML: SECRET.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;'),
  'HTML with numbers': SECRET.replaceAll(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`),
}
const NOT_A_LEAK = 'base64url in JSON'

describe('searchSecrets', () => {
  it.each(Object.keys(LEAKS).filter((name) => name !== NOT_A_LEAK))('finds a leak: %s', (name) => {
    const texts = [
      { where: 'elsewhere', text: 'nothing' },
      { where: name, text: `before ${LEAKS[name]} after` },
    ]
    const found = searchSecrets(texts, { other: 'another-secret-value', planted: SECRET })
    expect(found).toMatchObject([{ secret: 'planted', where: name }])
  })

  it('finds each encoding by its own form', () => {
    for (const [form, needles] of formsOf(SECRET))
      for (const text of needles)
        expect(searchSecrets([{ where: 'here', text }], { SECRET }).flatMap((each) => each.forms)).toContain(
          form,
        )
  })

  it('finds nothing in other texts, and rejects secrets that are too short', () => {
    const text = `${SECRET.slice(0, 8)} ${LEAKS[NOT_A_LEAK]} ${utf8('another text').toString('base64')}`
    expect(searchSecrets([{ where: 'here', text }], { SECRET })).toEqual([])
    expect(() => searchSecrets([], { short: 'secret' })).toThrow('at least 16 characters')
  })
})
