import type { Rule } from 'sluice'
import type { GatewayRequest } from '../../policy-request.js'
import { ANY_LABEL } from '../cel/static-analysis.js'
import type { PolicyConfig } from '../config.js'
import { expressionsOf } from './limit-entry.js'

/** The labels of clients that the rules of a policy use. */
export interface UsedLabels {
  /** Labels that rules only count by, so their values need only be told apart. */
  readonly counted: readonly string[]
  /** Labels whose values expressions read; `*` stands for all labels. */
  readonly read: readonly string[]
}

/** Finds the labels that decide how the requests of a policy are limited. */
export function usedLabels({ rules, require }: Pick<PolicyConfig, 'rules' | 'require'>): UsedLabels {
  const read = new Set([...rules.flatMap(expressionsOf), ...(require ? [require] : [])].flatMap(labelsOf))
  const counted = new Set(rules.flatMap(countedLabels).filter((label) => !read.has(label)))
  return read.has(ANY_LABEL) ? { counted: [], read: [ANY_LABEL] } : { counted: [...counted], read: [...read] }
}

function labelsOf({ labels = [] }: { readonly labels?: readonly string[] }): readonly string[] {
  return labels
}

/** Returns the labels in the key of a rule, such as `org` for `by: client.org`. */
function countedLabels({ by }: Rule<GatewayRequest>): readonly string[] {
  return [by].flat().flatMap((part) => {
    const [, label] = typeof part === 'string' ? (/^client\.(\w+)$/.exec(part) ?? []) : []
    return label === undefined ? [] : [label]
  })
}
