import { Type } from 'typebox'

// Response schemas of the examples, for the OpenAPI page and the types of the handlers.

/** The `model_version` of the request, if it has one. */
const version = { model_version: Type.Optional(Type.String()) }

export const prediction = Type.Object({
  prediction: Type.Union([Type.Literal('calm'), Type.Literal('busy')]),
  probability: Type.Number(),
  ...version,
})

export const predictions = Type.Object({ predictions: Type.Array(prediction), ...version })

/** A prediction with the id of the process that made it. */
export const predictionBy = Type.Object({ ...prediction.properties, process: Type.Integer() })

export const predictionsBy = Type.Object({ ...predictions.properties, process: Type.Integer() })

/** Body of a 422 response: every problem with its field. */
const unprocessable = Type.Object(
  {
    detail: Type.Array(
      Type.Object({ loc: Type.Array(Type.Union([Type.String(), Type.Number()])), msg: Type.String() }),
    ),
  },
  { description: 'The body is invalid' },
)

/** A problem document (RFC 9457). */
const refused = Type.Object(
  { type: Type.String(), title: Type.String(), status: Type.Number(), detail: Type.String() },
  { additionalProperties: true, description: 'A limit is exceeded' },
)

/** Returns the response schemas of a route that has a body and a limit. */
export function answers<Success extends Type.TSchema>(success: Success) {
  return { 200: success, 422: unprocessable, 429: refused }
}
