/** Maximum number of media types that are read. */
const MAX_TYPES = 50

/**
 * Returns the weight of each media type in an Accept header, from 0 to 1. Wildcards are returned as
 * they are, and of several weights of a type, the highest.
 */
export function acceptedTypes(accept = ''): ReadonlyMap<string, number> {
  const weights = new Map<string, number>()
  for (const range of accept.split(',', MAX_TYPES)) {
    const [type = '', ...parameters] = range.split(';').map((part) => part.trim().toLowerCase())
    const weight = parameters.find((parameter) => parameter.startsWith('q='))?.slice(2)
    weights.set(type, Math.max(weights.get(type) ?? 0, weight === undefined ? 1 : Number(weight) || 0))
  }
  return weights
}
