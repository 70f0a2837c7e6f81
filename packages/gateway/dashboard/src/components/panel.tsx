import type { ComponentChildren } from 'preact'
import './panel.css'

/** A section of the page with a heading. */
export function Panel({
  id,
  title,
  note,
  tools,
  children,
}: {
  readonly id: string
  readonly title: string
  /** A short note on the data, such as its time range. */
  readonly note?: ComponentChildren
  /** Controls of the panel. */
  readonly tools?: ComponentChildren
  readonly children: ComponentChildren
}) {
  return (
    <section class="panel" id={id} aria-labelledby={`${id}-title`}>
      <header>
        <h2 id={`${id}-title`}>{title}</h2>
        {note !== undefined && <p>{note}</p>}
        {tools}
      </header>
      {children}
    </section>
  )
}

/** The message of a panel without data. */
export function Empty({ children }: { readonly children: ComponentChildren }) {
  return <p class="empty">{children}</p>
}
