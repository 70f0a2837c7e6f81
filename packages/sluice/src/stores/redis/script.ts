import { createHash } from 'node:crypto'
import { buckets } from './lua/bucket-fast-path.js'
import { concurrency } from './lua/concurrency.js'
import { fixedWindow } from './lua/fixed-window.js'
import { asked } from './lua/jobs.js'
import { kept } from './lua/key-state.js'
import { decide } from './lua/main.js'
import { prelude } from './lua/prelude.js'
import { state } from './lua/rescale.js'
import { slidingLog } from './lua/sliding-log.js'
import { slidingWindow } from './lua/sliding-window.js'
import { tokenBucket } from './lua/token-bucket.js'

/** The one script of the store, with a part for each algorithm. */
export const SCRIPT = [
  prelude,
  tokenBucket,
  fixedWindow,
  slidingWindow,
  slidingLog,
  concurrency,
  kept,
  state,
  asked,
  buckets,
  decide,
].join('')

/** What the server calls the script once it has seen it. */
export const SCRIPT_SHA = createHash('sha1').update(SCRIPT).digest('hex')
