import { z } from 'zod'
import { BodyTypes } from '../../body/body-format.js'
import { type Decoder, listOf, scalar, transform } from '../yaml/decoders.js'

const MAX_TYPES = 32
const TYPE = /^(?:[a-z0-9][a-z0-9!#$&^_.-]*\/[a-z0-9][a-z0-9!#$&^_.+-]*|application\/\*\+json)$/

const mediaType: Decoder<string> = transform(
  scalar(z.string(), 'a media type such as application/json'),
  (written) => {
    const type = written.toLowerCase()
    if (type.startsWith('multipart/'))
      throw new TypeError(
        'rules cannot read multipart bodies; write, for example, application/json or application/x-www-form-urlencoded',
      )
    if (!TYPE.test(type))
      throw new TypeError(
        `expected a media type without parameters, such as application/json or application/*+json, not '${written}'`,
      )
    return type
  },
)

const mediaTypes = listOf(mediaType, 'a list of media types such as [application/json]', MAX_TYPES)

/** Decodes `body_types`: the media types whose bodies rules can read. */
export const decodeBodyTypes: Decoder<BodyTypes> = (node, problems) => {
  const types = mediaTypes(node, problems)
  if (types === undefined) return undefined
  if (node.kind === 'list' && node.items.length === 0) {
    problems.at(node, "'body_types' must name at least one media type, such as application/json")
    return undefined
  }
  return new BodyTypes(types)
}
