import { type ReadRule, readLimit, refusalOf } from './limits.js'
import { isText } from './yaml/node.js'
import type { Problems } from './yaml/problems.js'
import { listOf, type Read } from './yaml/reading.js'

const MAX_LIMITS = 32

/** Reads a limit text, or a list of limits: that of a route, or that of all of them. */
export function readLimits(params: readonly string[] | undefined): Read<readonly ReadRule[]> {
  const readOne = readLimit(params)
  const readList = listOf(readOne, 'a list of limits such as [10/minute]', MAX_LIMITS)
  return (node, problems) => {
    const limits = isText(node) ? single(readOne(node, problems)) : readList(node, problems)
    if (limits !== undefined) checkNames(limits, problems)
    return limits
  }
}

function single<T>(value: T | undefined): readonly T[] | undefined {
  return value === undefined ? undefined : [value]
}

/** Each was taken alone: what the library says of all of them is about the name of the first that it does not take. */
function checkNames(limits: readonly ReadRule[], problems: Problems): void {
  const rules = limits.map(({ rule }) => rule)
  const refusal = refusalOf(rules)
  if (refusal === undefined) return
  const node = limits.find((_, index) => refusalOf(rules.slice(0, index + 1)) !== undefined)?.node
  const name = node?.kind === 'map' ? node.entries.get('name')?.value : undefined
  const place = name ?? node
  if (place !== undefined) problems.at(place, refusal)
}
