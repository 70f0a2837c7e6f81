import { type Static, Type } from 'typebox'
import type { Features } from './model.js'

// Request schemas of the examples, for the OpenAPI page and the types of the handlers.

const features = Type.Array(Type.Number(), {
  minItems: 1,
  maxItems: 1000,
  examples: [[1, 2, 3]],
  description: 'The numbers to predict from',
})

/** Optional properties of a body. The response repeats `model_version`. */
const optionalProperties = {
  model_version: Type.Optional(Type.String({ maxLength: 64, examples: ['v2'] })),
  parameters: Type.Optional(
    Type.Record(Type.String(), Type.Unknown(), { description: 'Accepted and ignored' }),
  ),
}

/** `{"features":[1,2,3]}` or `{"data":[1,2,3]}` */
export const row = Type.Union([
  Type.Object({ features, ...optionalProperties }, { additionalProperties: false }),
  Type.Object({ data: features, ...optionalProperties }, { additionalProperties: false }),
])

/** `{"data":[[1,2,3],…]}` */
export const table = Type.Object(
  { data: batchOf(features), ...optionalProperties },
  { additionalProperties: false },
)

/** `[[1,2,3],…]` */
export const matrix = batchOf(features)

/** `[{"features":[1,2,3]},…]` */
export const rows = batchOf(Type.Object({ features, ...optionalProperties }, { additionalProperties: false }))

/** The parameters of a path `/…/:model/…`. */
export const modelParams = Type.Object({
  model: Type.Union([Type.Literal('lightweight'), Type.Literal('heavy')]),
})

/** Returns the features of a `row`. */
export function featuresOf(body: Static<typeof row>): Features {
  return 'features' in body ? body.features : body.data
}

function batchOf<Item extends Type.TSchema>(item: Item) {
  return Type.Array(item, { minItems: 1, maxItems: 1000 })
}
