/** How long the file stays available for the browser to save, in milliseconds. */
const URL_LIFETIME_MS = 60_000

/** Makes the browser save a string as a file. */
export function saveAs(name: string, type: string, content: string): void {
  const link = document.createElement('a')
  link.href = URL.createObjectURL(new Blob([content], { type }))
  link.download = name
  link.click()
  setTimeout(() => URL.revokeObjectURL(link.href), URL_LIFETIME_MS)
}
