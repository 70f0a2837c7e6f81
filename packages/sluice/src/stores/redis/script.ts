import { createHash } from 'node:crypto'
import { asked } from './lua/asked.js'
import { buckets } from './lua/buckets.js'
import { concurrency } from './lua/concurrency.js'
import { decide } from './lua/decide.js'
import { fixedWindow } from './lua/fixed-window.js'
import { kept } from './lua/kept.js'
import { prelude } from './lua/prelude.js'
import { slidingLog } from './lua/sliding-log.js'
import { slidingWindow } from './lua/sliding-window.js'
import { state } from './lua/state.js'
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
