/**
 * Checks the Lua parts of the Redis script for `npm run lint`: each part must parse on its own, and
 * the whole script must use every local variable and no unknown global.
 */
import { fileURLToPath } from 'node:url'
import luaparse from 'luaparse'
import { readParts } from './inline-lua.js'

/** Globals that Redis provides to a script. */
const GLOBALS = [
  ...['KEYS', 'ARGV', 'redis', 'cjson', 'struct', 'string', 'table', 'math'],
  ...['error', 'ipairs', 'next', 'pairs', 'pcall', 'setmetatable', 'tonumber', 'tostring', 'type', 'unpack'],
]

/**
 * Lints the parts as one script.
 *
 * @param {{ name: string, source: string }[]} parts in the order of the script
 * @returns {string[]} a line `file:line: problem` for each problem
 */
export function lintLua(parts) {
  const syntaxErrors = parts.flatMap(({ name, source }) => {
    try {
      luaparse.parse(source, { luaVersion: '5.1' })
      return []
    } catch (error) {
      return [`${name}:${error.line}: ${error.message}`]
    }
  })
  if (syntaxErrors.length > 0) return syntaxErrors
  const script = parts.map(({ source }) => source).join('\n')
  const problems = nameProblems(luaparse.parse(script, { luaVersion: '5.1', locations: true }))
  return problems
    .sort((a, b) => a.line - b.line)
    .map(({ line, problem }) => `${locationOf(parts, line)}: ${problem}`)
}

/**
 * Finds unknown globals and unused local variables in a chunk. A name that begins with `_` may be
 * unused.
 */
function nameProblems(chunk) {
  const problems = []
  /** The local variables of each scope, innermost last. */
  const scopes = []

  const declare = (identifier, mayBeUnused = false) => {
    const { name, loc } = identifier
    const variable = { name, line: loc.start.line, isUsed: mayBeUnused || name.startsWith('_') }
    scopes.at(-1).push(variable)
  }
  const inScope = (run) => {
    scopes.push([])
    run()
    for (const { name, line, isUsed } of scopes.pop())
      if (!isUsed) problems.push({ line, problem: `unused local '${name}'` })
  }
  const find = (name) => {
    for (const scope of scopes.toReversed()) {
      const variable = scope.findLast((each) => each.name === name)
      if (variable !== undefined) return variable
    }
    return undefined
  }
  const use = ({ name, loc }) => {
    const variable = find(name)
    if (variable !== undefined) variable.isUsed = true
    else if (!GLOBALS.includes(name))
      problems.push({ line: loc.start.line, problem: `unknown global '${name}'` })
  }
  const visitAll = (nodes) => {
    for (const node of nodes) visit(node)
  }

  const visit = (node) => {
    switch (node.type) {
      case 'Identifier':
        return use(node)
      case 'LocalStatement':
        visitAll(node.init)
        for (const variable of node.variables) declare(variable)
        return
      case 'AssignmentStatement':
        visitAll(node.init)
        // An assignment does not count as a use: a variable that is only written is unused.
        for (const variable of node.variables) {
          if (variable.type !== 'Identifier') visit(variable)
          else if (find(variable.name) === undefined)
            problems.push({
              line: variable.loc.start.line,
              problem: `assignment to global '${variable.name}'`,
            })
        }
        return
      case 'FunctionDeclaration':
        if (node.identifier !== null) {
          if (node.isLocal) declare(node.identifier)
          else visit(node.identifier)
        }
        return inScope(() => {
          // Parameters may be unused: all algorithms have the same signatures.
          for (const parameter of node.parameters)
            if (parameter.type === 'Identifier') declare(parameter, true)
          visitAll(node.body)
        })
      case 'ForNumericStatement':
        visitAll([node.start, node.end, ...(node.step === null ? [] : [node.step])])
        return inScope(() => {
          declare(node.variable, true)
          visitAll(node.body)
        })
      case 'ForGenericStatement':
        visitAll(node.iterators)
        return inScope(() => {
          for (const variable of node.variables) declare(variable)
          visitAll(node.body)
        })
      case 'RepeatStatement':
        // The condition sees the variables of the body.
        return inScope(() => visitAll([...node.body, node.condition]))
      case 'WhileStatement':
        visit(node.condition)
        return inScope(() => visitAll(node.body))
      case 'DoStatement':
        return inScope(() => visitAll(node.body))
      case 'IfStatement':
        for (const clause of node.clauses) {
          if (clause.condition !== undefined) visit(clause.condition)
          inScope(() => visitAll(clause.body))
        }
        return
      case 'MemberExpression':
        return visit(node.base)
      case 'TableKeyString':
        return visit(node.value)
      default:
        // All other nodes have no rules of their own, so only their children are visited.
        for (const child of Object.values(node).flat()) if (typeof child?.type === 'string') visit(child)
    }
  }

  inScope(() => visitAll(chunk.body))
  return problems
}

/** Maps a line of the whole script to `file:line`. */
function locationOf(parts, line) {
  let remaining = line
  for (const { name, source } of parts) {
    const lines = source.split('\n').length
    if (remaining <= lines) return `${name}:${remaining}`
    remaining -= lines
  }
  throw new RangeError(`the script has no line ${line}`)
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const problems = lintLua(readParts())
  for (const problem of problems) console.error(`packages/sluice/src/stores/redis/lua/${problem}`)
  if (problems.length > 0) process.exitCode = 1
}
