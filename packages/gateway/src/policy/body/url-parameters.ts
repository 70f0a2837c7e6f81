import { MalformedRequestError } from 'sluice'

/** A parameter as sent. */
interface Parameter {
  readonly name: string
  readonly rawValue: string
  /** True if the parameter is next to a `;`, which some servers treat as a separator. */
  readonly isNextToSemicolon: boolean
}

/**
 * The parameters of a query or a form. A parameter is readable if every server reads the same
 * value: it was sent once, in the requested spelling. Parameters that no rule reads are not
 * checked.
 */
export class Parameters {
  readonly #text: string
  /** Parameters by the name that a lenient server would use. */
  #bySpelling: Map<string, Parameter[]> | undefined

  /** @param text without the leading `?` */
  constructor(text: string) {
    this.#text = text
  }

  /**
   * Returns the value of a parameter; undefined if it was not sent.
   *
   * @throws MalformedRequestError if it was sent more than once, in another spelling (`n[]`, `N`),
   *   or with bytes that are not valid UTF-8
   */
  get(name: string): string | undefined {
    const [parameter, ...others] = this.#index().get(spellingOf(name)) ?? []
    if (parameter === undefined) return undefined
    if (others.length > 0) throw new MalformedRequestError(`the parameter '${name}' was sent more than once`)
    if (parameter.name !== name || parameter.isNextToSemicolon)
      throw new MalformedRequestError(
        `the parameter '${name}' was sent in a form that servers interpret differently; send ${name}=...`,
      )
    const value = decode(parameter.rawValue)
    if (value === undefined)
      throw new MalformedRequestError(`the parameter '${name}' is not percent-encoded UTF-8`)
    return value
  }

  /**
   * Lists the names of all parameters.
   *
   * @throws MalformedRequestError if a parameter is unreadable
   */
  names(): readonly string[] {
    const names = [...this.#index().values()].map(([parameter]) => parameter?.name ?? '')
    for (const name of names) this.get(name)
    return names
  }

  #index(): ReadonlyMap<string, Parameter[]> {
    this.#bySpelling ??= indexParameters(this.#text)
    return this.#bySpelling
  }
}

function indexParameters(text: string): Map<string, Parameter[]> {
  const index = new Map<string, Parameter[]>()
  for (const piece of text.split('&')) {
    const parts = piece.split(';')
    for (const part of parts) {
      if (part === '') continue
      const equals = part.indexOf('=')
      const rawName = equals === -1 ? part : part.slice(0, equals)
      const parameter = {
        name: decode(rawName) ?? decodeBytes(rawName),
        rawValue: equals === -1 ? '' : part.slice(equals + 1),
        isNextToSemicolon: parts.length > 1,
      }
      const spelling = spellingOf(parameter.name)
      const known = index.get(spelling)
      if (known === undefined) index.set(spelling, [parameter])
      else known.push(parameter)
    }
  }
  return index
}

/**
 * Returns the name that the most lenient server would use: PHP, Rack and qs read `n[]` and `n[0]`
 * as a list `n`, qs reads `[n]` and old Rack `]n` as `n`, PHP reads ` n` as `n` and `a.b` as `a_b`,
 * and ASP.NET ignores case.
 */
function spellingOf(name: string): string {
  const [plain = ''] = name.replace(/^[\s[\]]+/, '').split(/[[\]\0]/, 1)
  return plain.trim().replaceAll(/[. ]/g, '_').toLowerCase()
}

/** Decodes a name or value; undefined if it is not percent-encoded UTF-8. */
function decode(raw: string): string | undefined {
  // A fast path, since a form may have thousands of fields.
  if (!raw.includes('%')) return raw.replaceAll('+', ' ')
  try {
    return decodeURIComponent(raw.replaceAll('+', ' '))
  } catch {
    return undefined
  }
}

/** Decodes each percent-encoded byte to one character. */
function decodeBytes(raw: string): string {
  return raw.replaceAll(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
}
