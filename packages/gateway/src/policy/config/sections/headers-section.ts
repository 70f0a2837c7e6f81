import type { FieldOptions } from 'sluice/http'
import { z } from 'zod'
import { type Decoder, mapOf, scalar, transform } from '../yaml/decoders.js'
import { boolean, off } from '../yaml/scalars.js'

/** Decodes `headers`: the rate limit headers of responses. */
export const decodeHeaders: Decoder<FieldOptions> = transform(
  mapOf(
    {
      fields: scalar(
        z.union([z.enum(['draft-12', 'draft-11', 'draft-8', 'draft-7', 'draft-6']), ...off]),
        'draft-12, draft-11, draft-8, draft-7, draft-6 or off',
      ),
      retry_after: boolean,
      x_rate_limit: scalar(z.union([z.enum(['seconds', 'epoch']), ...off]), 'seconds, epoch or off'),
    },
    'a map such as { fields: draft-7, x_rate_limit: epoch }',
  ),
  ({ fields, retry_after: retryAfter, x_rate_limit: reset }) => ({
    ...(fields !== undefined && { fields: fields === 'off' ? false : fields }),
    ...(retryAfter !== undefined && { retryAfter }),
    ...((reset === 'seconds' || reset === 'epoch') && { xRateLimit: { reset } }),
  }),
)
