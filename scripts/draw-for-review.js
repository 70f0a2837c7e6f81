/**
 * Draws a random sample for a review of the language: `node scripts/draw-for-review.js --seed N
 * [--exclude FILE]`.
 *
 * Prints 40 source and test files, 5 pages of documentation and 60 error messages, as JSON. The
 * same seed draws the same sample. `--exclude` skips everything in FILE, an earlier sample.
 */
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'

const { values } = parseArgs({ options: { seed: { type: 'string' }, exclude: { type: 'string' } } })
if (values.seed === undefined) {
  console.error('usage: node scripts/draw-for-review.js --seed N [--exclude FILE]')
  process.exit(2)
}

const tracked = execFileSync('git', ['ls-files'], { encoding: 'utf8' }).split('\n')
const files = tracked.filter((file) => /^(packages|examples|bench|test|scripts)\/.*\.(ts|tsx|js)$/.test(file))
const pages = tracked.filter((file) => /^(docs\/.*|[A-Z]+)\.md$/.test(file))
const messages = files
  .filter((file) => file.includes('/src/'))
  .flatMap((file) => messagesIn(readFileSync(file, 'utf8')).map((text) => `${file}: ${text}`))

const excluded = values.exclude === undefined ? {} : JSON.parse(readFileSync(values.exclude, 'utf8'))
console.log(
  JSON.stringify(
    {
      seed: values.seed,
      files: draw('files', files, 40),
      pages: draw('pages', pages, 5),
      messages: draw('messages', [...new Set(messages)], 60),
    },
    null,
    2,
  ),
)

/** Sorts the candidates by a digest of the seed and the candidate, and returns the first ones. */
function draw(kind, candidates, count) {
  const remaining = candidates.filter((candidate) => !excluded[kind]?.includes(candidate))
  const rank = (candidate) => createHash('sha256').update(`${values.seed}\n${candidate}`).digest('hex')
  return remaining
    .map((candidate) => ({ candidate, rank: rank(candidate) }))
    .sort((one, other) => (one.rank < other.rank ? -1 : 1))
    .slice(0, count)
    .map(({ candidate }) => candidate)
}

/** Finds the string literals in thrown errors, problems and log lines that are sentences. */
function messagesIn(source) {
  const calls = source.matchAll(
    /(?:Error|problem|\.at|\.(?:info|warn|error)|tooMany|unsupported|fail)\(([^;]*?)(?:\n\s*\)|\)\n|\)$)/gm,
  )
  return [...calls].flatMap((call) =>
    [
      ...(call[1] ?? '').matchAll(
        /'((?:\\.|[^'\\\n]){20,})'|`((?:\\.|[^`\\]){20,})`|"((?:\\.|[^"\\\n]){20,})"/g,
      ),
    ]
      .map((match) => match[1] ?? match[2] ?? match[3] ?? '')
      .filter((text) => / .* .* /.test(text)),
  )
}
