import { isFields, own } from '../request/json-fields.js'

/** Reports whether a response or an event contains an error. */
export function hasError(value: unknown): boolean {
  const error = own(value, 'error')
  if (isFields(error)) return Object.keys(error).length > 0
  return error !== undefined && error !== null && error !== false && error !== ''
}

/**
 * Reports whether a value of another shape contains an error, in one of the forms that servers use:
 * `{"error": …}` as an object or a string, `{"object": "error"}`, `{"type": "error"}`, `{"status":
 * "error"}`, `{"detail": …}`, `{"errors": […]}`.
 */
export function isErrorAnswer(value: unknown): boolean {
  if (hasError(value)) return true
  if (['object', 'type', 'status'].some((name) => own(value, name) === 'error')) return true
  const errors = own(value, 'errors')
  if (Array.isArray(errors) && errors.length > 0) return true
  const detail = own(value, 'detail')
  return detail !== undefined && detail !== null && detail !== ''
}
