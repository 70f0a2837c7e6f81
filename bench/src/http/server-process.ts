/** Tells the process that started this server its port, and whenever it asks, the processor time that was used. */
export function tellHowItDoes(port: number): void {
  process.on('message', () => process.send?.(process.cpuUsage()))
  process.send?.(port)
}
