import { alignedLines } from '../../policy/terminal-text.js'

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
  return alignedLines([head, ...rows], (column) => column >= left).map((line) => `  ${line}`)
}
