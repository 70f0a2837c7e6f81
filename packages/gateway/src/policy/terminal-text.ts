/** Replaces control characters, which could move the cursor of the terminal. */
export function printable(line: string): string {
  return line.replaceAll(/\p{C}/gu, '?')
}

/**
 * Formats rows as lines with aligned columns, two spaces apart.
 *
 * @param isRight whether a column is aligned to the right; default: none is
 */
export function alignedLines(
  rows: readonly (readonly string[])[],
  isRight: (column: number) => boolean = () => false,
): string[] {
  const widths: number[] = []
  for (const row of rows)
    for (const [column, cell] of row.entries()) widths[column] = Math.max(widths[column] ?? 0, lengthOf(cell))
  const aligned = (cell: string, column: number) => {
    const space = ' '.repeat((widths[column] ?? 0) - lengthOf(cell))
    return isRight(column) ? space + cell : cell + space
  }
  return rows.map((row) => row.map(aligned).join('  ').trimEnd())
}

/** Returns the number of characters, not of UTF-16 code units. */
function lengthOf(cell: string): number {
  return [...cell].length
}
