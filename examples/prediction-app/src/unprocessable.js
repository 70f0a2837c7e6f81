/**
 * What was wrong with a body, and in which field.
 *
 * Where a body may have one of several forms, each form says why it is not meant; only those are told that got deepest into
 * the body, since it is the form that they describe which the client had in mind.
 */
export function unprocessable(validation) {
    const told = validation
        .filter(({ keyword }) => keyword !== 'anyOf')
        .map((each) => ({ ...each, path: each.instancePath.split('/').slice(1).map(step) }));
    const deepest = Math.max(...told.map(({ path }) => path.length));
    return {
        detail: told
            .filter(({ path }) => path.length === deepest)
            .map(({ path, params, message = 'is wrong' }) => {
            const field = params.missingProperty ?? params.additionalProperty;
            return { loc: ['body', ...path, ...(typeof field === 'string' ? [field] : [])], msg: message };
        }),
    };
}
/** A JSON pointer's step; the bodies have no field whose name is a number. */
function step(text) {
    return /^\d+$/.test(text) ? Number(text) : text.replaceAll('~1', '/').replaceAll('~0', '~');
}
