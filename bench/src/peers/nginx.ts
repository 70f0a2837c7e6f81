import { nginxWith } from '../gateway/proxies.js'
import { REQUESTS_PER_MINUTE } from './limits.js'

/** Starts nginx with a limit of requests for each API key, which passes events on as they arrive. */
export const nginx = nginxWith({
  key: '$http_authorization',
  rate: `${REQUESTS_PER_MINUTE}r/m`,
  burst: REQUESTS_PER_MINUTE,
  location: 'proxy_buffering off;',
})
