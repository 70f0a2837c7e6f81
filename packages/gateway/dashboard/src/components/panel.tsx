import type { ComponentChildren } from 'preact'
import './panel.css'

/** A part of the page under its heading. */
export function Panel({
  id,
  title,
  note,
  tools,
  children,
}: {
  readonly id: string
  readonly title: string
  /** What the numbers are of. */
  readonly note?: ComponentChildren
  /** What changes how it is shown. */
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

/** Where there is nothing yet: what will be seen here. */
export function Empty({ children }: { readonly children: ComponentChildren }) {
  return <p class="empty">{children}</p>
}
