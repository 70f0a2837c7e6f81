import { z } from 'zod'
import { BodyTypes } from '../../body/body-format.js'
import { listOf, made, type Read, single } from '../yaml/decoders.js'

/** `body_types`: the media types of which rules read bodies. */

const MAX_TYPES = 32
const TYPE = /^(?:[a-z0-9][a-z0-9!#$&^_.-]*\/[a-z0-9][a-z0-9!#$&^_.+-]*|application\/\*\+json)$/

const bodyType: Read<string> = made(
  single(z.string(), 'a media type such as application/json'),
  (written) => {
    const type = written.toLowerCase()
    if (type.startsWith('multipart/'))
      throw new TypeError(
        'rules cannot read a multipart body; send JSON, or a form as application/x-www-form-urlencoded',
      )
    if (!TYPE.test(type))
      throw new TypeError(
        `a media type is written as application/json, without parameters, or as application/*+json; not '${written}'`,
      )
    return type
  },
)

const readList = listOf(bodyType, 'a list of media types such as [application/json]', MAX_TYPES)

export const readBodyTypes: Read<BodyTypes> = (node, problems) => {
  const types = readList(node, problems)
  if (types === undefined) return undefined
  if (node.kind === 'list' && node.items.length === 0) {
    problems.at(node, "'body_types' names at least one media type, such as application/json")
    return undefined
  }
  return new BodyTypes(types)
}
