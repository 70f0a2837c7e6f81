import { Type } from 'typebox'

/** What the examples answer, for the OpenAPI page and for the types of the handlers. */

/** The version that the body asked for, where it named one. */
const version = { model_version: Type.Optional(Type.String()) }

export const prediction = Type.Object({
  prediction: Type.Union([Type.Literal('calm'), Type.Literal('busy')]),
  probability: Type.Number(),
  ...version,
})

export const predictions = Type.Object({ predictions: Type.Array(prediction), ...version })

/** Where there are several processes: and which of them answered. */
export const predictionBy = Type.Object({ ...prediction.properties, process: Type.Integer() })

export const predictionsBy = Type.Object({ ...predictions.properties, process: Type.Integer() })

/** 422: each thing that is wrong, and in which field. */
const unprocessable = Type.Object(
  {
    detail: Type.Array(
      Type.Object({ loc: Type.Array(Type.Union([Type.String(), Type.Number()])), msg: Type.String() }),
    ),
  },
  { description: 'The body is wrong: where, and what' },
)

/** A problem document (RFC 9457). */
const refused = Type.Object(
  { type: Type.String(), title: Type.String(), status: Type.Number(), detail: Type.String() },
  { additionalProperties: true, description: 'A limit is exceeded: which, and when to come back' },
)

/** The answers of a route that has a body and a limit. */
export function answers<Success extends Type.TSchema>(success: Success) {
  return { 200: success, 422: unprocessable, 429: refused }
}
