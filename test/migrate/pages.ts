import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { ROOT } from '../stack.js'

/** Number of listings imported so far, so that each import is a new module with its own state. */
let imported = 0

/**
 * Imports a listing of a page in docs/migrate as a new module.
 *
 * @param page the name of the page without `.md`
 * @param listing the file name in the first line of the listing, such as `before.ts`
 */
export async function importListing<Exports>(page: string, listing: string): Promise<Exports> {
  const text = await listingOf(page, listing)
  // Inside the checkout, so that it resolves the packages as a user's project would.
  const folder = join(ROOT, 'test', 'migrate', `listing-${page}-${imported++}`)
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  await mkdir(folder, { recursive: true })
  // Required by the decorators of NestJS.
  await writeFile(
    join(folder, 'tsconfig.json'),
    '{ "extends": "../../../tsconfig.base.json", "compilerOptions": { "experimentalDecorators": true } }',
  )
  await writeFile(join(folder, listing), withLongDeadline(text))
  return import(join(folder, listing))
}

/** Raises the deadline of the store, since a server may be slow on a busy machine. */
function withLongDeadline(listing: string): string {
  return listing
    .replace(/\b(deadline|timeout): 5000/, '$1: 30_000')
    .replace(/\{ policy:/, '{ deadline: 30_000, policy:')
}

/** Returns a listing of a page in docs/migrate by the file name in its first line. */
export async function listingOf(page: string, listing: string): Promise<string> {
  const file = join(ROOT, 'docs', 'migrate', `${page}.md`)
  const listings = [...(await readFile(file, 'utf8')).matchAll(/^```\w+\n(.*?)^```$/gms)]
  const found = listings
    .map(([, text = '']) => text)
    .find((text) => /^(\/\/|#) (.*)/.exec(text)?.[2] === listing)
  if (found === undefined) throw new Error(`no listing ${listing} in ${file}`)
  return found
}
