import { MalformedRequestError } from 'sluice'

/** A parameter as it was sent. */
interface Parameter {
  readonly name: string
  readonly rawValue: string
  /** Whether a `;` stands beside it, which some servers take for the end of a parameter. */
  readonly besideSemicolon: boolean
}

/**
 * The parameters of a query or a form. One can be read only where every server reads the same: it was sent once, in the
 * spelling that is asked for. What is not read is not looked at.
 */
export class Parameters {
  readonly #text: string
  /** By their names as a lenient server knows them. */
  #bySpelling: Map<string, Parameter[]> | undefined

  /** @param text without the `?` before it */
  constructor(text: string) {
    this.#text = text
  }

  /**
   * The value of a parameter; undefined where it was not sent.
   *
   * @throws MalformedRequestError where it was sent more than once, in another spelling (`n[]`, `N`) or with bytes that are
   *   not UTF-8.
   */
  get(name: string): string | undefined {
    const [parameter, ...others] = this.#index().get(spellingOf(name)) ?? []
    if (parameter === undefined) return undefined
    if (others.length > 0) throw new MalformedRequestError(`the parameter '${name}' was sent more than once`)
    if (parameter.name !== name || parameter.besideSemicolon)
      throw new MalformedRequestError(
        `the parameter '${name}' was sent in a form that servers read in different ways; send ${name}=...`,
      )
    const value = decoded(parameter.rawValue)
    if (value === undefined)
      throw new MalformedRequestError(`the parameter '${name}' is not percent-encoded UTF-8`)
    return value
  }

  /** The names of all parameters. @throws MalformedRequestError where one of them cannot be read. */
  names(): readonly string[] {
    const names = [...this.#index().values()].map(([parameter]) => parameter?.name ?? '')
    for (const name of names) this.get(name)
    return names
  }

  #index(): ReadonlyMap<string, Parameter[]> {
    this.#bySpelling ??= indexed(this.#text)
    return this.#bySpelling
  }
}

function indexed(text: string): Map<string, Parameter[]> {
  const index = new Map<string, Parameter[]>()
  for (const piece of text.split('&')) {
    const parts = piece.split(';')
    for (const part of parts) {
      if (part === '') continue
      const equals = part.indexOf('=')
      const rawName = equals === -1 ? part : part.slice(0, equals)
      const parameter = {
        name: decoded(rawName) ?? decodedBytes(rawName),
        rawValue: equals === -1 ? '' : part.slice(equals + 1),
        besideSemicolon: parts.length > 1,
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
 * A name as the most lenient server knows it: PHP, Rack and qs read `n[]` and `n[0]` as a list `n`, qs reads `[n]` and old Rack
 * `]n` as `n`, PHP reads ` n` as `n` and `a.b` as `a_b`, and ASP.NET ignores case.
 */
function spellingOf(name: string): string {
  const [plain = ''] = name.replace(/^[\s[\]]+/, '').split(/[[\]\0]/, 1)
  return plain.trim().replaceAll(/[. ]/g, '_').toLowerCase()
}

/** Undefined where it is not percent-encoded UTF-8. */
function decoded(raw: string): string | undefined {
  // A field of a form may come a hundred thousand times.
  if (!raw.includes('%')) return raw.replaceAll('+', ' ')
  try {
    return decodeURIComponent(raw.replaceAll('+', ' '))
  } catch {
    return undefined
  }
}

/** With each byte as a character of its own. */
function decodedBytes(raw: string): string {
  return raw.replaceAll(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
}
