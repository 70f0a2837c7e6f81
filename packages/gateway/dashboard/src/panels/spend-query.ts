/** A property or label to group spend by. */
export interface SpendGroup {
  /** The value of `by` in a query. */
  readonly value: string
  readonly title: string
  readonly help: string
  /** How requests without such a property are shown. */
  readonly nameless: string
}

const PROPERTIES: readonly SpendGroup[] = [
  { value: 'client', title: 'Client', help: 'The ID of the client.', nameless: 'anonymous' },
  { value: 'model', title: 'Model', help: 'The model that requests named.', nameless: 'no model' },
  { value: 'route', title: 'Route', help: 'The route of the requests.', nameless: 'no route' },
  { value: 'day', title: 'Day', help: 'The day in UTC on which requests were settled.', nameless: 'no day' },
]

/** Number of months that the ledger keeps after the current one. */
const MONTHS_KEPT = 13

/**
 * Lists what spend can be grouped by.
 *
 * @param labels the labels that clients have
 * @param chosen the value of the group that is shown, which stays in the list
 */
export function spendGroups(labels: readonly string[], chosen: string): readonly SpendGroup[] {
  const values = labels.map((label) =>
    PROPERTIES.some(({ value }) => value === label) ? `client.${label}` : label,
  )
  const isKnown = PROPERTIES.some(({ value }) => value === chosen) || values.includes(chosen)
  return [...PROPERTIES, ...(isKnown ? values : [...values, chosen]).map(ofLabel)]
}

function ofLabel(value: string): SpendGroup {
  const title = value.replace(/^client\./, '')
  return { value, title, help: `The label ${title} of the client.`, nameless: `no ${title}` }
}

/** Lists the months in UTC that the ledger keeps, the current one first. */
export function spendMonths(now: number): readonly string[] {
  const date = new Date(now)
  return Array.from({ length: MONTHS_KEPT + 1 }, (_, ago) =>
    new Date(Date.UTC(date.getUTCFullYear(), date.getUTCMonth() - ago)).toISOString().slice(0, 7),
  )
}

/** Returns the parameters of `/api/spend`. */
export function spendQuery(by: string, month: string): string {
  return new URLSearchParams({ by, month }).toString()
}
