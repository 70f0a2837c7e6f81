/**
 * Inlines the parts of the Redis script, packages/sluice/src/stores/redis/lua/*.lua, into one
 * TypeScript module, so the library reads no files at run time: `node scripts/inline-lua.js`.
 *
 * The module is committed, so `tsc -b` and vitest work without this script. A test fails if the
 * module is out of date.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)))
const FOLDER = join(ROOT, 'packages/sluice/src/stores/redis/lua')

export const INLINED_MODULE = join(FOLDER, 'inlined.ts')

/** The parts in the order of the script. A part may use the local variables of earlier parts. */
const PARTS = [
  'prelude.lua',
  'token-bucket.lua',
  'fixed-window.lua',
  'sliding-window.lua',
  'sliding-log.lua',
  'concurrency.lua',
  'key-state.lua',
  'rescale.lua',
  'jobs.lua',
  'bucket-fast-path.lua',
  'penalties.lua',
  'main.lua',
]

/** Reads the parts of the script, in order. */
export function readParts() {
  const unlisted = readdirSync(FOLDER).filter((file) => file.endsWith('.lua') && !PARTS.includes(file))
  if (unlisted.length > 0) throw new Error(`add to PARTS in scripts/inline-lua.js: ${unlisted.join(', ')}`)
  return PARTS.map((name) => ({ name, source: readFileSync(join(FOLDER, name), 'utf8') }))
}

/** Returns the source of the module that exports the whole script. */
export function inlinedModule() {
  const script = readParts()
    .map(({ source }) => source)
    .join('\n')
  const literal = script.replaceAll(/[\\`]|\$\{/g, String.raw`\$&`)
  return `// Generated from the .lua files by scripts/inline-lua.js. Edit those.\n\nexport const SCRIPT = \`${literal}\`\n`
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(INLINED_MODULE, inlinedModule())
