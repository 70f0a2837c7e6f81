/**
 * Formats a table for a terminal.
 *
 * @param left number of columns aligned to the left; the others are aligned to the right
 */
export function consoleTable(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  left: number,
): string[] {
  const widths = head.map((name, column) =>
    Math.max(name.length, ...rows.map((row) => (row[column] ?? '').length)),
  )
  const line = (cells: readonly string[]) =>
    `  ${cells
      .map((cell, column) => {
        const width = widths[column] ?? 0
        return column < left ? cell.padEnd(width) : cell.padStart(width)
      })
      .join('  ')}`.trimEnd()
  return [line(head), ...rows.map(line)]
}
