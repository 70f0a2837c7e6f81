import { parentPort } from 'node:worker_threads'
import { Tallies } from './aggregator.js'
import type { FromThread, ToThread } from './stats-thread.js'

const tallies = new Tallies()

parentPort?.on('message', (message: ToThread) => {
  if ('batch' in message) {
    const { numbers } = message.batch
    tallies.hear(message.batch)
    tell({ spare: numbers }, [numbers.buffer])
  } else if ('closing' in message) tell({ reports: tallies.close(message.closing) })
  else parentPort?.close()
})

function tell(message: FromThread, transfer: readonly ArrayBuffer[] = []): void {
  parentPort?.postMessage(message, transfer)
}
