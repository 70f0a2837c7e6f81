/** How long a browser may take to begin with the file, in milliseconds. */
const KEPT = 60_000

/** Has the browser save a text as a file. */
export function saveAs(name: string, type: string, text: string): void {
  const link = document.createElement('a')
  link.href = URL.createObjectURL(new Blob([text], { type }))
  link.download = name
  link.click()
  setTimeout(() => URL.revokeObjectURL(link.href), KEPT)
}
