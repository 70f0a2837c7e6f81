import { readFile, writeFile } from 'node:fs/promises'

/**
 * Puts a bench's report into a page, between `<!-- bench: NAME -->` and `<!-- /bench: NAME -->`. The rest stays as it is.
 *
 * @throws Error where the page has no such place.
 */
export async function updatePage(page: URL, name: string, report: string): Promise<void> {
  const text = await readFile(page, 'utf8')
  const [begin, end] = [`<!-- bench: ${name} -->`, `<!-- /bench: ${name} -->`]
  const from = text.indexOf(begin)
  const to = text.indexOf(end, from)
  if (from === -1 || to === -1) throw new Error(`${page.pathname} has no place '${begin}' … '${end}'`)
  await writeFile(page, `${text.slice(0, from + begin.length)}\n\n${report}\n\n${text.slice(to)}`)
}
