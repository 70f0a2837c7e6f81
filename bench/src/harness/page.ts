import { readFile, writeFile } from 'node:fs/promises'

/**
 * Replaces the report of a benchmark in a page, between `<!-- bench: NAME -->` and
 * `<!-- /bench: NAME -->`.
 *
 * @throws Error if the page has no such markers
 */
export async function updatePage(page: URL, name: string, report: string): Promise<void> {
  const text = await readFile(page, 'utf8')
  const [begin, end] = [`<!-- bench: ${name} -->`, `<!-- /bench: ${name} -->`]
  const from = text.indexOf(begin)
  const to = text.indexOf(end, from)
  if (from === -1 || to === -1) throw new Error(`${page.pathname} has no markers '${begin}' … '${end}'`)
  await writeFile(page, `${text.slice(0, from + begin.length)}\n\n${report}\n\n${text.slice(to)}`)
}
