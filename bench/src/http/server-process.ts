/** Sends the port to the parent process, and the processor time in reply to each message. */
export function reportUsage(port: number): void {
  process.on('message', () => process.send?.(process.cpuUsage()))
  process.send?.(port)
}
