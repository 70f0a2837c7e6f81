import { Type } from 'typebox';
/** What the examples take, with their types and as the OpenAPI page shows them. */
const features = Type.Array(Type.Number(), {
    minItems: 3,
    maxItems: 3,
    examples: [[1, 2, 3]],
    description: 'Three numbers',
});
/** `{"features":[1,2,3]}` or `{"data":[1,2,3]}`. */
export const row = Type.Union([
    Type.Object({ features }, { additionalProperties: false }),
    Type.Object({ data: features }, { additionalProperties: false }),
]);
/** `{"data":[[1,2,3],…]}` */
export const table = Type.Object({ data: batchOf(features) }, { additionalProperties: false });
/** `[[1,2,3],…]` */
export const matrix = batchOf(features);
/** `[{"features":[1,2,3]},…]` */
export const rows = batchOf(Type.Object({ features }, { additionalProperties: false }));
/** The parameters of a path `/…/:model/…`. */
export const modelParams = Type.Object({
    model: Type.Union([Type.Literal('lightweight'), Type.Literal('heavy')]),
});
/** The three numbers of a `row`. */
export function featuresOf(body) {
    return 'features' in body ? body.features : body.data;
}
function batchOf(item) {
    return Type.Array(item, { minItems: 1, maxItems: 1000 });
}
