/** Time for which the browser can save the file. */
const URL_LIFETIME_MS = 60_000

/** Saves a string as a file through the browser. */
export function saveAs(name: string, type: string, content: string): void {
  const link = document.createElement('a')
  link.href = URL.createObjectURL(new Blob([content], { type }))
  link.download = name
  link.click()
  setTimeout(() => URL.revokeObjectURL(link.href), URL_LIFETIME_MS)
}
