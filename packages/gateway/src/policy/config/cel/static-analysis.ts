import type { ASTNode } from '@marcbachmann/cel-js'
import { labelNameProblem, nearest, suggestOrList } from 'sluice/internal'
import { FUNCTIONS, LOOPS, SEARCHES, VARIABLES } from './cel-language.js'
import { clientMembers, type ExpressionScope, isLabel } from './expression-scope.js'
import { isNetwork } from './network-functions.js'
import { MAX_INT } from './number-functions.js'
import { childrenOf } from './syntax-tree.js'
import { isTimeZone, ZONED_FUNCTIONS } from './time-functions.js'

/** A problem with a part of an expression. */
export interface ExpressionProblem {
  /** Index into the expression. */
  readonly at: number
  readonly message: string
}

/** Stands for every label. */
export const ANY_LABEL = '*'

interface ExpressionAnalysis {
  readonly readsBody: boolean
  /** True if it reads the headers or the query, which may contain credentials. */
  readonly readsSecrets: boolean
  /** True if it reads a label of the client. */
  readonly readsLabels: boolean
  /** The labels that it reads; `*` if it may read any. */
  readonly labels: readonly string[]
  readonly readsModel: boolean
  /** Warnings about the expression, which is valid. */
  readonly warnings: readonly string[]
  readonly problems: readonly ExpressionProblem[]
}

/**
 * Checks the restrictions that keep evaluation linear in the size of the request: no nested loops,
 * no access to the body in a loop, no loop over the result of `map`, and only functions that take
 * linear time.
 */
export function analyze(root: ASTNode, scope: ExpressionScope): ExpressionAnalysis {
  const analyzer = new Analyzer(scope)
  analyzer.visit(root, undefined)
  return analyzer
}

class Analyzer implements ExpressionAnalysis {
  readsBody = false
  readsSecrets = false
  readsLabels = false
  readonly #labels = new Set<string>()
  /** Uses of `client`, and those of them that name a member. */
  #clientUses = 0
  #clientMembers = 0
  readsModel = false
  readonly warnings: string[] = []
  readonly problems: ExpressionProblem[] = []
  readonly #scope: ExpressionScope

  constructor(scope: ExpressionScope) {
    this.#scope = scope
  }

  get labels(): readonly string[] {
    return this.#clientUses > this.#clientMembers ? [ANY_LABEL] : [...this.#labels]
  }

  /** @param loop the variable of the loop around the node, if any */
  visit(node: ASTNode, loop: string | undefined): void {
    if (node.op === 'call' || node.op === 'rcall') {
      this.#call(node, loop)
      return
    }
    if (node.op === 'id') this.#variable(node, node.args, loop)
    if (node.op === '.') this.#member(node.args[0], node.args[1], node.pos)
    if (node.op === '[]') {
      const [map, key] = node.args
      if (key.op === 'value' && typeof key.args === 'string') this.#member(map, key.args, key.pos)
    }
    // The smallest int is the negation of a literal that is out of range by itself.
    if (node.op === '-_' && node.args.op === 'value' && node.args.args === MAX_INT + 1n) return
    if (node.op === 'value' && typeof node.args === 'bigint' && node.args > MAX_INT)
      this.#report(
        node.start,
        `a whole number must be at most ${MAX_INT}; write a larger number as a double, such as 1e19`,
      )
    if (node.op === 'map') this.#keys(node.args)
    // Lists in the body impersonate sets (see CelList), so the evaluator cannot compare them as
    // lists.
    if ((node.op === '==' || node.op === '!=') && node.args.some((side) => side.op === 'list')) {
      const message = `lists cannot be compared; compare their elements, or write size(...) ${node.op} 0`
      this.#report(node.start, message)
    }
    for (const child of childrenOf(node)) this.visit(child, loop)
  }

  #variable(node: ASTNode, name: string, loop: string | undefined): void {
    if (name === loop) return
    if (!VARIABLES.has(name)) {
      const known = loop === undefined ? [...VARIABLES.keys()] : [...VARIABLES.keys(), loop]
      const suggestion = suggestOrList(name, known)
      const hint = nearest(name, known) === undefined ? `; a string needs quotes: '${name}'` : ''
      this.#report(node.pos, `unknown variable '${name}'${suggestion}${hint}`)
    }
    if (name === 'headers' || name === 'query') this.readsSecrets = true
    if (name === 'model') this.#model(node)
    if (name === 'client') this.#clientUses++
    if (name !== 'body') return
    this.readsBody = true
    if (loop !== undefined) {
      this.#report(node.pos, `'body' cannot be read inside a loop; read '${loop}' instead`)
    }
  }

  #model(node: ASTNode): void {
    // The call that names the model is the body.
    this.readsModel = true
    this.readsBody = true
    if (this.#scope.hasModel !== true)
      this.#report(node.pos, "'model' is the model of a call, so it requires 'llm' on the route; add 'llm'")
  }

  #keys(entries: readonly (readonly [ASTNode, ASTNode])[]): void {
    const seen = new Set<unknown>()
    for (const [key] of entries) {
      if (key.op !== 'value') continue
      const name = String(key.args)
      if (seen.has(name)) this.#report(key.start, `duplicate key '${name}'`)
      seen.add(name)
    }
  }

  #call(node: CallNode, loop: string | undefined): void {
    const { name, receiver, args } = callOf(node)
    if (receiver !== undefined) this.visit(receiver, loop)
    const problem = callProblem(node, loop) ?? alwaysTrue(node)
    if (problem !== undefined) {
      this.problems.push(problem)
      return
    }
    const [variable, ...body] = args
    if (receiver !== undefined && LOOPS.has(name) && variable?.op === 'id') {
      for (const piece of body) this.visit(piece, variable.args)
    } else {
      for (const arg of args) this.visit(arg, loop)
    }
  }

  /** Checks the names of parameters and client members, and the spelling of header names. */
  #member(map: ASTNode, name: string, at: number): void {
    if (map.op !== 'id') return
    const { params } = this.#scope
    if (map.args === 'params' && params?.includes(name) === false) {
      const hint = params.length === 0 ? '; its path declares none' : suggestOrList(name, params)
      this.#report(at, `the route has no parameter ':${name}'${hint}`)
    }
    if (map.args === 'client') this.#clientMember(name, at)
    if (map.args === 'headers' && name !== name.toLowerCase()) {
      this.#report(at, `header names must be in lower case: '${name.toLowerCase()}'`)
    } else if (map.args === 'headers' && name.includes('_')) {
      this.#report(at, `header names must be written with '-' instead of '_': '${name.replaceAll('_', '-')}'`)
    }
  }

  #clientMember(name: string, at: number): void {
    this.#clientMembers++
    if (isLabel(name)) {
      this.readsLabels = true
      this.#labels.add(name)
    }
    const { error, warning } = clientMemberFinding(name, this.#scope)
    if (error !== undefined) this.#report(at, error)
    if (warning !== undefined) this.warnings.push(warning)
  }

  #report(at: number, message: string): void {
    this.problems.push({ at, message })
  }
}

/** A finding about the name of a client's member. */
interface MemberFinding {
  readonly error?: string
  readonly warning?: string
}

/** Checks the name of a member of a client: `id`, `tier` or a label. */
export function clientMemberFinding(name: string, scope: ExpressionScope): MemberFinding {
  const members = clientMembers(scope)
  if (members.includes(name)) return {}
  const { apiKeys } = scope.labels ?? {}
  if (apiKeys === undefined)
    return { error: `a client has no member '${name}'${suggestOrList(name, members)}` }
  const invalid = labelNameProblem(name)
  if (invalid !== undefined) return { error: invalid }
  if (apiKeys === 'unread') return {}
  return {
    warning: `no key in the keys file has the label '${name}'; give it to a key, or correct the name${suggestOrList(name, members)}`,
  }
}

type CallNode = Extract<ASTNode, { readonly op: 'call' | 'rcall' }>

function callOf(node: CallNode) {
  if (node.op === 'call') return { name: node.args[0], receiver: undefined, args: node.args[1] }
  return { name: node.args[0], receiver: node.args[1], args: node.args[2] }
}

/** Finds a call of `has` that is always true, because a missing label is an empty string. */
function alwaysTrue(node: CallNode): ExpressionProblem | undefined {
  const { name, args } = callOf(node)
  const [member] = args
  if (name !== 'has' || member?.op !== '.' || member.args[0].op !== 'id' || member.args[0].args !== 'client')
    return undefined
  const label = member.args[1]
  if (!isLabel(label)) return undefined
  const message = `'has' is always true for a label, since a missing one is an empty string; write client.${label} != ''`
  return { at: member.pos, message }
}

/** Finds a problem with a call. Problems inside its arguments are found separately. */
function callProblem(node: CallNode, loop: string | undefined): ExpressionProblem | undefined {
  const { name, receiver, args } = callOf(node)
  const at = nameAt(node, name)
  if (!FUNCTIONS.has(name)) return { at, message: unknownFunction(name) }
  if (SEARCHES.has(name) && args.some((arg) => arg.op !== 'value')) {
    return {
      at,
      message: `'${name}' requires a string literal, such as ${name}("a")`,
    }
  }
  const problem = literalProblem(name, args, at)
  if (problem !== undefined) return problem
  if (receiver === undefined || !LOOPS.has(name)) return undefined
  const [variable] = args
  if (args.length < 2) {
    return { at, message: `'${name}' requires a variable for the element and an expression: ${name}(x, ...)` }
  }
  if (loop !== undefined) {
    return {
      at,
      message: `'${name}' is nested in another loop, which would be slow for a large body; use one loop`,
    }
  }
  if (containsMap(receiver)) {
    return { at, message: `'${name}' loops over the result of 'map'; make 'map' the last call in the chain` }
  }
  if (variable?.op !== 'id' || !VARIABLES.has(variable.args)) return undefined
  const message = `'${variable.args}' is a predefined variable; choose another name for the element, such as x`
  return { at: variable.pos, message }
}

/**
 * Finds a problem with the argument of a function that requires a literal time zone or network, so
 * that an invalid one is reported with the file.
 */
function literalProblem(name: string, args: readonly ASTNode[], at: number): ExpressionProblem | undefined {
  const [literal] = args
  const text = literal?.op === 'value' && typeof literal.args === 'string' ? literal.args : undefined
  if (ZONED_FUNCTIONS.includes(name)) {
    if (literal === undefined || text === undefined)
      return { at, message: `'${name}' requires a time zone, such as ${name}('Europe/Berlin')` }
    if (!isTimeZone(text))
      return {
        at: literal.start,
        message: `unknown time zone '${text}'; use an IANA name such as 'Europe/Berlin', or 'UTC'`,
      }
  }
  if (name === 'cidr') {
    if (literal === undefined || text === undefined)
      return { at, message: "'cidr' requires a string literal, such as cidr('10.0.0.0/8')" }
    if (!isNetwork(text))
      return {
        at: literal.start,
        message: `'${text}' is not a network; write an address and a prefix length, such as 10.0.0.0/8 or 2001:db8::/32`,
      }
  }
  return undefined
}

function containsMap(node: ASTNode): boolean {
  return (node.op === 'rcall' && node.args[0] === 'map') || childrenOf(node).some(containsMap)
}

/** Returns the index of a called function's name in the source, after its receiver. */
function nameAt(node: ASTNode, name: string): number {
  const from = node.op === 'rcall' ? node.args[1].end : node.start
  const at = node.input.indexOf(name, from)
  return at === -1 ? node.pos : at
}

function unknownFunction(name: string): string {
  if (name === 'matches') {
    return "'matches' is not supported, since a crafted string could make it run indefinitely; use ==, startsWith, endsWith or contains"
  }
  const suggestion = nearest(name, FUNCTIONS)
  return suggestion === undefined
    ? `unknown function '${name}'; expected one of ${[...FUNCTIONS].join(', ')}`
    : `unknown function '${name}'; did you mean '${suggestion}'?`
}
