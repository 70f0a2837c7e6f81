import './terms.css'

/** A number on the page, and what it means. */
export interface Term {
  readonly title: string
  readonly help?: string | undefined
}

/**
 * A list of what numbers mean, which can be opened. It has the texts of the tooltips, which appear
 * only with a mouse.
 */
export function Terms({ of, terms }: { readonly of: string; readonly terms: readonly Term[] }) {
  const explained = terms.filter(({ help }) => help !== undefined)
  if (explained.length === 0) return null
  return (
    <details class="terms">
      <summary>
        What the numbers mean<span class="visually-hidden">: {of}</span>
      </summary>
      <dl>
        {explained.map(({ title, help }) => (
          <>
            <dt key={title}>{title}</dt>
            <dd>{help}</dd>
          </>
        ))}
      </dl>
    </details>
  )
}
