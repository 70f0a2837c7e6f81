import { FEATURES, type Features } from '../classifier/rule.js'
import { isObject, type Position, type Problem, type Reader } from './validation.js'

/** Maximum number of rows in a batch. */
export const MAX_BATCH_ROWS = 1000

const NO_FEATURES: Features = [0, 0, 0]

/**
 * Reads one row: `{"features":[1,2,3]}` or `{"data":[1,2,3]}`. A row with both is rejected, since
 * it is ambiguous.
 */
export function row(value: unknown, loc: Position, problems: Problem[]): Features {
  if (!isObject(value)) {
    problems.push({ loc, msg: 'should be an object such as {"features":[1,2,3]}' })
    return NO_FEATURES
  }
  if ('features' in value && 'data' in value) {
    problems.push({ loc, msg: 'should have either "features" or "data", not both' })
    return NO_FEATURES
  }
  const name = 'data' in value ? 'data' : 'features'
  if (name in value) return features(value[name], [...loc, name], problems)
  problems.push({ loc: [...loc, name], msg: 'is missing' })
  return NO_FEATURES
}

/** Reads a list of rows: `[{"features":[1,2,3]},…]`. */
export function rows(value: unknown, loc: Position, problems: Problem[]): Features[] {
  return list(value, loc, problems, row)
}

/** Reads a list of rows without names: `[[1,2,3],…]`. */
export function matrix(value: unknown, loc: Position, problems: Problem[]): Features[] {
  return list(value, loc, problems, features)
}

/** Reads a named list of rows: `{"data":[[1,2,3],…]}`. */
export function table(value: unknown, loc: Position, problems: Problem[]): Features[] {
  if (!isObject(value)) {
    problems.push({ loc, msg: 'should be an object such as {"data":[[1,2,3]]}' })
  } else if (!('data' in value)) {
    problems.push({ loc: [...loc, 'data'], msg: 'is missing' })
  } else {
    return matrix(value.data, [...loc, 'data'], problems)
  }
  return []
}

function list<Value>(value: unknown, loc: Position, problems: Problem[], item: Reader<Value>): Value[] {
  if (!Array.isArray(value)) {
    problems.push({ loc, msg: 'should be a list' })
    return []
  }
  if (value.length === 0) problems.push({ loc, msg: 'should have at least one row' })
  if (value.length > MAX_BATCH_ROWS) {
    problems.push({ loc, msg: `has ${value.length} rows; at most ${MAX_BATCH_ROWS} are allowed` })
    return []
  }
  return value.map((entry: unknown, index) => item(entry, [...loc, index], problems))
}

/** Maximum number of entries in a row. */
const MAX_ROW_LENGTH = 1000

/**
 * Reads the three features of a row. A row of another length is folded into the three inputs: the
 * first, fourth and seventh number into the first, and so on.
 */
function features(value: unknown, loc: Position, problems: Problem[]): Features {
  if (!Array.isArray(value)) {
    problems.push({ loc, msg: 'should be a list of numbers' })
    return NO_FEATURES
  }
  if (value.length === 0 || value.length > MAX_ROW_LENGTH) {
    problems.push({ loc, msg: `has ${value.length} entries; expected 1 to ${MAX_ROW_LENGTH} numbers` })
    return NO_FEATURES
  }
  const folded: [number, number, number] = [0, 0, 0]
  value.forEach((entry: unknown, index) => {
    const input = (index % FEATURES) as 0 | 1 | 2
    folded[input] += finite(entry, [...loc, index], problems)
  })
  return folded
}

/** Returns the `model_version` of a body; undefined if it has none. */
export function modelVersion(value: unknown, loc: Position, problems: Problem[]): string | undefined {
  if (!isObject(value) || value.model_version === undefined) return undefined
  const version = value.model_version
  if (typeof version === 'string' && version.length <= 64) return version
  problems.push({ loc: [...loc, 'model_version'], msg: 'should be a string of at most 64 characters' })
  return undefined
}

function finite(value: unknown, loc: Position, problems: Problem[]): number {
  if (typeof value !== 'number') problems.push({ loc, msg: 'should be a number' })
  // JSON has no Infinity, but 1e999 is parsed as Infinity.
  else if (!Number.isFinite(value)) problems.push({ loc, msg: 'should be a finite number' })
  else return value
  return 0
}
