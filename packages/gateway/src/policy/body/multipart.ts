import { MalformedRequestError } from 'sluice'
import type { BodyHeaders } from './body-format.js'
import { MultipartForm, type Part } from './multipart-form.js'
import { UnreadableBodyError } from './unreadable-body.js'

/** Maximum number of parts. */
const MAX_PARTS = 100
/** Maximum size of the headers of a part, in bytes. */
const MAX_PART_HEAD = 4096

const MULTIPART =
  /^multipart\/form-data[ \t]*;[ \t]*boundary=(?:([\w'()+,./:=?-]{1,70})|"([\w'()+,./:=? -]{1,70})")[ \t]*$/i

/**
 * Returns the boundary of a form with files; undefined for a body of another type.
 *
 * @throws UnreadableBodyError with status 415 if servers may not agree on the boundary
 */
export function multipartBoundary({ contentTypes, contentEncodings }: BodyHeaders): string | undefined {
  const [contentType = ''] = contentTypes
  if (!/^[ \t]*multipart\//i.test(contentType)) return undefined
  const [, token, quoted] = MULTIPART.exec(contentType) ?? []
  const boundary = token ?? quoted
  if (boundary === undefined || contentTypes.length > 1)
    throw new UnreadableBodyError(
      'the body must be multipart/form-data with a boundary and no other parameter',
      415,
    )
  if (contentEncodings.some((coding) => coding.trim().toLowerCase() !== 'identity'))
    throw new UnreadableBodyError(
      'a limit of this route reads the request body, which must not have a Content-Encoding',
      415,
    )
  return boundary
}

/**
 * Parses a form with files (RFC 7578) in linear time. Rejects everything that servers interpret
 * differently: bytes before the first part or after the last one, bare line feeds, unusual headers,
 * and names that servers normalize.
 *
 * @throws MalformedRequestError that states the problem
 */
export function parseMultipart(body: Buffer, boundary: string): MultipartForm {
  const opening = Buffer.from(`--${boundary}\r\n`)
  const delimiter = Buffer.from(`--${boundary}`)
  if (!body.subarray(0, opening.length).equals(opening)) throw malformed('does not begin with its boundary')
  const parts: Part[] = []
  let at = opening.length
  for (;;) {
    if (parts.length === MAX_PARTS) throw malformed(`has more than ${MAX_PARTS} parts`)
    const headEnd = body.subarray(at, at + MAX_PART_HEAD).indexOf('\r\n\r\n')
    if (headEnd === -1) throw malformed('has a part whose headers do not end')
    const contentStart = at + headEnd + 4
    const delimiterAt = body.indexOf(delimiter, contentStart)
    if (delimiterAt === -1) throw malformed('has a part that does not end')
    const contentEnd = delimiterAt - 2
    // Some servers end a part at any boundary, others only at one that begins a line.
    if (contentEnd < contentStart || body.toString('latin1', contentEnd, delimiterAt) !== '\r\n')
      throw malformed('has a boundary inside a line')
    const name = nameOf(body.toString('latin1', at, at + headEnd))
    parts.push({ ...name, bytes: body.subarray(contentStart, contentEnd), start: at, end: contentEnd })
    at = delimiterAt + delimiter.length
    const next = body.toString('latin1', at, at + 2)
    if (next === '\r\n') at += 2
    else if (next === '--' && ['', '\r\n'].includes(body.toString('latin1', at + 2, at + 5))) break
    else throw malformed('has bytes after a boundary')
  }
  return new MultipartForm(parts)
}

/**
 * Returns the body of a form with another text of a field that is a single text. All other bytes are
 * unchanged.
 *
 * @throws MalformedRequestError if the text contains the boundary
 */
export function withFormText(body: Buffer, boundary: string, name: string, text: string): Buffer {
  const place = parseMultipart(body, boundary).placeOf(name)
  if (place === undefined) return body
  if (text.includes(`--${boundary}`)) throw malformed('has a boundary that occurs in the name of a model')
  const part = `Content-Disposition: form-data; name="${name}"\r\n\r\n${text}`
  return Buffer.concat([body.subarray(0, place.start), Buffer.from(part), body.subarray(place.end)])
}

const DISPOSITION =
  /^form-data; *name="([^"\\%]{1,100})"(; *filename="[^"\\]*")?(?:; *filename\*=[\w!#$%&'+.^`|~-]+)?$/i

/** Reads the name of a part from its headers. */
function nameOf(head: string): Pick<Part, 'name' | 'isFile'> {
  let disposition: string | undefined
  const seen = new Set<string>()
  for (const line of head.split('\r\n')) {
    const [, name = '', value = ''] =
      /^(Content-Disposition|Content-Type|Content-Length): *([^\r\n]*)$/i.exec(line) ?? []
    const folded = name.toLowerCase()
    if (name === '' || seen.has(folded)) throw malformed('has a part with an unexpected header')
    seen.add(folded)
    if (folded === 'content-disposition') disposition = value
  }
  const [, name, filename] = DISPOSITION.exec(disposition ?? '') ?? []
  if (name === undefined) throw malformed('has a part without a plain name')
  return { name, isFile: filename !== undefined }
}

function malformed(problem: string): MalformedRequestError {
  return new MalformedRequestError(`the multipart body ${problem}, which servers interpret differently`)
}
