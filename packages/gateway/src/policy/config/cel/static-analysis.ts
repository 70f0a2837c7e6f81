import type { ASTNode } from '@marcbachmann/cel-js'
import { nearest, suggestOrList } from 'sluice/internal'
import { CLIENT_MEMBERS, FUNCTIONS, LOOPS, SEARCHES, VARIABLES } from './cel-language.js'
import { MAX_INT } from './number-functions.js'
import { childrenOf } from './syntax-tree.js'

/**
 * What an expression must keep to beside its grammar and its types. With these rules its work is linear in the size of
 * the request, whatever a client sends: no loop in a loop, no reading of the body in a loop, no loop over what `map` made,
 * and only functions whose work is linear.
 */

/** What is wrong with a piece of an expression. */
export interface ExpressionProblem {
  /** Index into the expression. */
  readonly at: number
  readonly message: string
}

interface ExpressionSurvey {
  readonly readsBody: boolean
  /** Whether it reads where credentials are sent: the headers or the query. */
  readonly readsSecrets: boolean
  readonly problems: readonly ExpressionProblem[]
}

/**
 * Looks an expression over.
 *
 * @param params names of the parameters of the route that the expression belongs to; undefined where they are not known
 */
export function survey(root: ASTNode, params: readonly string[] | undefined): ExpressionSurvey {
  const surveyor = new Surveyor(params)
  surveyor.visit(root, undefined)
  return surveyor
}

class Surveyor implements ExpressionSurvey {
  readsBody = false
  readsSecrets = false
  readonly problems: ExpressionProblem[] = []
  readonly #params: readonly string[] | undefined

  constructor(params: readonly string[] | undefined) {
    this.#params = params
  }

  /** @param loop the variable of the loop that the node is in */
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
    // The smallest number is written as the negative of one that is too large.
    if (node.op === '-_' && node.args.op === 'value' && node.args.args === MAX_INT + 1n) return
    if (node.op === 'value' && typeof node.args === 'bigint' && node.args > MAX_INT)
      this.#wrong(node.start, `a whole number is at most ${MAX_INT}; write a larger one as 1e19`)
    if (node.op === 'map') this.#keys(node.args)
    // A list of the body passes for a set, which is compared in another way.
    if ((node.op === '==' || node.op === '!=') && node.args.some((side) => side.op === 'list')) {
      const message = `lists are not compared as a whole; ask for their elements, or for size(...) ${node.op} 0`
      this.#wrong(node.start, message)
    }
    for (const child of childrenOf(node)) this.visit(child, loop)
  }

  #variable(node: ASTNode, name: string, loop: string | undefined): void {
    if (name === loop) return
    if (!VARIABLES.has(name)) {
      const known = loop === undefined ? [...VARIABLES.keys()] : [...VARIABLES.keys(), loop]
      const meant = suggestOrList(name, known)
      const text = nearest(name, known) === undefined ? `; a text stands in quotes: '${name}'` : ''
      this.#wrong(node.pos, `unknown variable '${name}'${meant}${text}`)
    }
    if (name === 'headers' || name === 'query') this.readsSecrets = true
    if (name !== 'body') return
    this.readsBody = true
    if (loop !== undefined) {
      this.#wrong(node.pos, `'body' cannot be read inside of a loop, where only '${loop}' changes`)
    }
  }

  #keys(entries: readonly (readonly [ASTNode, ASTNode])[]): void {
    const seen = new Set<unknown>()
    for (const [key] of entries) {
      if (key.op !== 'value') continue
      const name = String(key.args)
      if (seen.has(name)) this.#wrong(key.start, `the key '${name}' is there twice`)
      seen.add(name)
    }
  }

  #call(node: CallNode, loop: string | undefined): void {
    const { name, receiver, args } = callOf(node)
    if (receiver !== undefined) this.visit(receiver, loop)
    const fault = faultOfCall(node, loop)
    if (fault !== undefined) {
      this.problems.push(fault)
      return
    }
    const [variable, ...body] = args
    if (receiver !== undefined && LOOPS.has(name) && variable?.op === 'id') {
      for (const piece of body) this.visit(piece, variable.args)
    } else {
      for (const arg of args) this.visit(arg, loop)
    }
  }

  /** Parameters are known with the route, what is known of a client always, and header names are written in one case. */
  #member(map: ASTNode, name: string, at: number): void {
    if (map.op !== 'id') return
    if (map.args === 'params' && this.#params?.includes(name) === false) {
      const why = this.#params.length === 0 ? '; this route has none' : suggestOrList(name, this.#params)
      this.#wrong(at, `the route has no parameter ':${name}'${why}`)
    }
    if (map.args === 'client' && !CLIENT_MEMBERS.includes(name)) {
      this.#wrong(at, `a client has no '${name}'${suggestOrList(name, CLIENT_MEMBERS)}`)
    }
    if (map.args === 'headers' && name !== name.toLowerCase()) {
      this.#wrong(at, `the names of headers are in lower case here: '${name.toLowerCase()}'`)
    } else if (map.args === 'headers' && name.includes('_')) {
      this.#wrong(at, `the names of headers have '-' for '_' here: '${name.replaceAll('_', '-')}'`)
    }
  }

  #wrong(at: number, message: string): void {
    this.problems.push({ at, message })
  }
}

type CallNode = Extract<ASTNode, { readonly op: 'call' | 'rcall' }>

function callOf(node: CallNode) {
  if (node.op === 'call') return { name: node.args[0], receiver: undefined, args: node.args[1] }
  return { name: node.args[0], receiver: node.args[1], args: node.args[2] }
}

/** What is wrong with a call itself, its arguments aside. */
function faultOfCall(node: CallNode, loop: string | undefined): ExpressionProblem | undefined {
  const { name, receiver, args } = callOf(node)
  const at = nameAt(node, name)
  if (!FUNCTIONS.has(name)) return { at, message: unknownFunction(name) }
  if (SEARCHES.has(name) && args.some((arg) => arg.op !== 'value')) {
    return {
      at,
      message: `'${name}' looks for a text that is written in the expression, such as ${name}("a")`,
    }
  }
  if (receiver === undefined || !LOOPS.has(name)) return undefined
  const [variable] = args
  if (args.length < 2) {
    return { at, message: `'${name}' takes a name for the element and what to do with it: ${name}(x, ...)` }
  }
  if (loop !== undefined) {
    return { at, message: `'${name}' is a loop inside of a loop, which a large body would make slow` }
  }
  if (maps(receiver)) {
    return { at, message: `'${name}' loops over what 'map' made; let 'map' be the last of the chain` }
  }
  if (variable?.op !== 'id' || !VARIABLES.has(variable.args)) return undefined
  const message = `'${variable.args}' has a meaning of its own; name the element otherwise, such as x`
  return { at: variable.pos, message }
}

function maps(node: ASTNode): boolean {
  return (node.op === 'rcall' && node.args[0] === 'map') || childrenOf(node).some(maps)
}

/** Where the name of a called function stands: behind its receiver. */
function nameAt(node: ASTNode, name: string): number {
  const from = node.op === 'rcall' ? node.args[1].end : node.start
  const at = node.input.indexOf(name, from)
  return at === -1 ? node.pos : at
}

function unknownFunction(name: string): string {
  if (name === 'matches') {
    return "'matches' is not supported: a text can be made on which it never ends; use ==, startsWith, endsWith or contains"
  }
  const meant = nearest(name, FUNCTIONS)
  return meant === undefined
    ? `there is no function '${name}' here; there are ${[...FUNCTIONS].join(', ')}`
    : `there is no function '${name}' here; did you mean '${meant}'?`
}
