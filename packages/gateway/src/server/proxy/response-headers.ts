import type { Decision } from 'sluice'
import { limitFields } from 'sluice/http'
import { type MirrorName, vendorHeaders } from '../../policy/llm/vendor-headers.js'

export type Field = readonly [name: string, value: string]

/** What an answer says of the limits that its request met; under a vendor's names too, where there is one. */
export function fieldsOf(decision: Decision, mirror: MirrorName | undefined): readonly Field[] {
  const fields = limitFields(decision, {})
  return mirror === undefined ? fields : [...fields, ...vendorHeaders(mirror, decision.quotas, Date.now())]
}
