import { parentPort } from 'node:worker_threads'
import { Accounts } from './accounts.js'
import type { FromThread, ToThread } from './own-thread.js'

const accounts = new Accounts()

parentPort?.on('message', (message: ToThread) => {
  if ('batch' in message) {
    const { numbers } = message.batch
    accounts.hear(message.batch)
    tell({ spare: numbers }, [numbers.buffer])
  } else if ('closing' in message) tell({ reports: accounts.close(message.closing) })
  else parentPort?.close()
})

function tell(message: FromThread, transfer: readonly ArrayBuffer[] = []): void {
  parentPort?.postMessage(message, transfer)
}
