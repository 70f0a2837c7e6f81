/** Sends the port to the parent process, and then the processor time whenever the parent asks. */
export function reportUsage(port: number): void {
  process.on('message', () => process.send?.(process.cpuUsage()))
  process.send?.(port)
}
