import { spawnSync } from 'node:child_process'
import { dirname, join } from 'node:path'

/** The files that each file imports, including type imports. */
export type ImportGraph = ReadonlyMap<string, ReadonlySet<string>>

const MAX_OUTPUT = 64 * 2 ** 20

/**
 * Reads the import graph of a project from the compiler.
 *
 * @param root the folder that paths are relative to
 * @param project the folder of a tsconfig.json
 * @param install the folder whose node_modules contains the compiler
 * @throws Error if the compiler cannot be started
 */
export function readImports(root: string, project: string, install = root): ImportGraph {
  const { stdout, error } = spawnSync(
    process.execPath,
    [
      join(install, 'node_modules/typescript/bin/tsc'),
      ...['-p', project, '--noEmit', '--composite', 'false', '--incremental', 'false', '--explainFiles'],
    ],
    { cwd: root, encoding: 'utf8', maxBuffer: MAX_OUTPUT },
  )
  if (error) throw error
  return parseExplanation(stdout)
}

/**
 * Parses the output of `tsc --explainFiles`, which lists each file and, indented below it, the
 * files that import it.
 */
function parseExplanation(text: string): ImportGraph {
  const graph = new Map<string, Set<string>>()
  let imported = ''
  for (const line of text.split('\n')) {
    if (/^\S/.test(line)) {
      imported = line
      if (!graph.has(imported)) graph.set(imported, new Set())
      continue
    }
    const importer = /^ +Imported via .* from file '([^']+)'/.exec(line)?.[1]
    if (importer === undefined) continue
    const imports = graph.get(importer) ?? new Set()
    imports.add(imported)
    graph.set(importer, imports)
  }
  return graph
}

/** Returns the graph of the files in a folder, with paths relative to it. */
export function sourceGraph(graph: ImportGraph, folder: string): ImportGraph {
  const name = (file: string) => (file.startsWith(`${folder}/`) ? file.slice(folder.length + 1) : undefined)
  const selected = new Map<string, Set<string>>()
  for (const [file, imports] of graph) {
    const from = name(file)
    if (from === undefined) continue
    selected.set(from, new Set([...imports].map(name).filter((to) => to !== undefined)))
  }
  return selected
}

/** Returns the imports between sibling folders, at every depth. */
export function folderGraph(graph: ImportGraph): ImportGraph {
  const folders = new Map<string, Set<string>>()
  for (const [file, imports] of graph) {
    for (const target of imports) {
      const siblings = siblingFolders(dirname(file), dirname(target))
      if (siblings === undefined) continue
      const [from, to] = siblings
      folders.set(from, (folders.get(from) ?? new Set()).add(to))
      if (!folders.has(to)) folders.set(to, new Set())
    }
  }
  return folders
}

/**
 * Returns the sibling folders that contain two folders; undefined if one folder contains the other.
 */
function siblingFolders(from: string, to: string): readonly [string, string] | undefined {
  const [a, b] = [from.split('/'), to.split('/')]
  const at = a.findIndex((name, index) => name !== b[index])
  if (at === -1 || a[at] === '.' || b[at] === undefined || b[at] === '.') return undefined
  return [a.slice(0, at + 1).join('/'), b.slice(0, at + 1).join('/')]
}

/**
 * Returns the cycles of a graph, each as the sorted names of its members (Tarjan's strongly
 * connected components).
 */
export function cycles(graph: ImportGraph): string[][] {
  const found: string[][] = []
  const indexes = new Map<string, number>()
  const lowest = new Map<string, number>()
  const path: string[] = []
  const visit = (node: string): void => {
    indexes.set(node, indexes.size)
    lowest.set(node, indexes.get(node) as number)
    path.push(node)
    for (const next of graph.get(node) ?? []) {
      if (!indexes.has(next)) visit(next)
      if (path.includes(next))
        lowest.set(node, Math.min(lowest.get(node) as number, lowest.get(next) as number))
    }
    if (lowest.get(node) !== indexes.get(node)) return
    const members = path.splice(path.indexOf(node))
    if (members.length > 1 || graph.get(node)?.has(node)) found.push(members.sort())
  }
  for (const node of graph.keys()) if (!indexes.has(node)) visit(node)
  return found
}

/**
 * Lists the imports that do not point to a lower layer, and the files that are in no layer.
 *
 * @param layers from the lowest to the highest. If several entries contain a file, the longest
 *   applies
 */
export function backwardImports(graph: ImportGraph, layers: readonly (readonly string[])[]): string[] {
  const entries = layers.flatMap((layer, level) => layer.map((entry) => ({ entry, level })))
  const entryOf = (file: string) =>
    entries
      .filter(({ entry }) => file === entry || file.startsWith(`${entry}/`))
      .reduce<{ entry: string; level: number } | undefined>(
        (longest, one) => (longest && longest.entry.length > one.entry.length ? longest : one),
        undefined,
      )
  const problems: string[] = []
  for (const [file, imports] of graph) {
    const from = entryOf(file)
    if (from === undefined) problems.push(`${file} is in no layer`)
    for (const target of imports) {
      const to = entryOf(target)
      if (from && to && from.entry !== to.entry && to.level >= from.level)
        problems.push(`${file} imports ${target}`)
    }
  }
  return problems
}
