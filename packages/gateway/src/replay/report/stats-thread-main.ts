import { parentPort } from 'node:worker_threads'
import { Aggregator } from './aggregator.js'
import type { FromThread, ToThread } from './stats-thread.js'

const aggregator = new Aggregator()

parentPort?.on('message', (message: ToThread) => {
  if ('batch' in message) {
    const { numbers } = message.batch
    aggregator.add(message.batch)
    post({ spare: numbers }, [numbers.buffer])
  } else if ('context' in message) post({ reports: aggregator.report(message.context) })
  else parentPort?.close()
})

function post(message: FromThread, transfer: readonly ArrayBuffer[] = []): void {
  parentPort?.postMessage(message, transfer)
}
