/** Sends the port to the parent process, and the processor time on each of its requests. */
export function reportUsage(port: number): void {
  process.on('message', () => process.send?.(process.cpuUsage()))
  process.send?.(port)
}
