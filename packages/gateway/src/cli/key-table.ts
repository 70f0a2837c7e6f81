import { alignedLines, printable } from '../policy/terminal-text.js'
import type { ListedKey } from '../server/admin/api/admin-keys.js'

const TITLES = ['ID', 'CLIENT', 'TIER', 'LABELS', 'CREATED', 'BY', 'EXPIRES', 'LAST USED']
const NONE = '-'

/** Formats keys as a table, with a line of titles if it is the first page. */
export function keyTable(keys: readonly ListedKey[], isFirst: boolean, now: number): string {
  const rows = keys.map((key) => rowOf(key, now).map(printable))
  const lines = alignedLines([TITLES, ...rows]).slice(isFirst ? 0 : 1)
  return lines.map((line) => `${line}\n`).join('')
}

/** Formats one key as lines. */
export function keyLines(key: ListedKey, now: number): string {
  const limits = Object.entries(key.limits ?? {}).map(([rule, limit]) => `${rule}=${limit}`)
  return [...rowOf(key, now), limits.join(' ') || NONE]
    .map((cell, column) => {
      const title = (TITLES[column] ?? 'LIMITS').toLowerCase()
      return `${title.padEnd(10)}${printable(cell)}\n`
    })
    .join('')
}

function rowOf(key: ListedKey, now: number): string[] {
  const { id, client, tier = NONE, labels = {}, created, createdBy = NONE, expires, lastUsed } = key
  const labelled = Object.entries(labels).map(([name, value]) => `${name}=${[value].flat().join(',')}`)
  const ends = expires === undefined ? 'never' : `${moment(expires)}${expires <= now ? ' (expired)' : ''}`
  return [
    ...[id, client, tier, labelled.join(' ') || NONE],
    ...[moment(created), createdBy, ends, moment(lastUsed)],
  ]
}

/** Formats a time to the minute, in UTC. */
function moment(at: number | undefined): string {
  return at === undefined ? NONE : `${new Date(at).toISOString().slice(0, 16)}Z`
}
