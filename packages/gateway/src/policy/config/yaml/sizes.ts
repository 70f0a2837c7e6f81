const UNITS: ReadonlyMap<string, number> = new Map([
  ['', 1],
  ['b', 1],
  ['kb', 1e3],
  ['mb', 1e6],
  ['gb', 1e9],
  ['kib', 2 ** 10],
  ['mib', 2 ** 20],
  ['gib', 2 ** 30],
])

/**
 * Parses a size in bytes: `1MiB`, `512 KiB`, `10MB`, `65536`.
 *
 * @returns whole bytes, zero or more
 * @throws RangeError that states the problem and valid examples
 */
export function parseSize(value: string | number): number {
  const match = /^(\d{1,15}(?:\.\d{1,9})?)\s*([a-zA-Z]*)$/.exec(String(value).trim())
  const unit = UNITS.get((match?.[2] ?? '').toLowerCase())
  const bytes = Number(match?.[1]) * (unit ?? Number.NaN)
  if (!Number.isSafeInteger(bytes)) {
    throw new RangeError(
      `'${String(value).slice(0, 60)}' is not a size in whole bytes; write, for example, 1MiB, 512KiB, 10MB or 65536`,
    )
  }
  return bytes
}

/** Formats a size in the largest unit that fits: `32 MiB`, `1.5 GiB`. */
export function formatSize(bytes: number): string {
  for (const [unit, factor] of [
    ['GiB', 2 ** 30],
    ['MiB', 2 ** 20],
    ['KiB', 2 ** 10],
  ] as const)
    if (bytes >= factor) return `${Number((bytes / factor).toFixed(1))} ${unit}`
  return `${bytes} bytes`
}
