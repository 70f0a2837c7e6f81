import { listOf, type Read } from '../yaml/decoders.js'
import type { Problems } from '../yaml/diagnostics.js'
import { isText } from '../yaml/yaml-node.js'
import { type ReadRule, readLimit, refusalOf } from './limit-entry.js'

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

/** Checks the rules together. Each was accepted alone, so what is wrong is the name of one. */
function checkNames(limits: readonly ReadRule[], problems: Problems): void {
  const rules = limits.map(({ rule }) => rule)
  const refusal = refusalOf(rules)
  if (refusal === undefined) return
  const node = limits[refusal.index ?? 0]?.node
  if (node === undefined) return
  const key = node.kind === 'map' && refusal.key !== undefined ? node.entries.get(refusal.key) : undefined
  problems.at(key?.value ?? node, refusal.message)
}
