import type { ComponentChildren } from 'preact'
import './tile.css'

/** A few figures, read at a glance. */
export function Tiles({ children }: { readonly children: ComponentChildren }) {
  return <dl class="tiles">{children}</dl>
}

export function Tile({
  title,
  figure,
  below,
}: {
  readonly title: string
  readonly figure: ComponentChildren
  /** What puts the figure into proportion. */
  readonly below?: ComponentChildren
}) {
  return (
    <div class="tile">
      <dt>{title}</dt>
      <dd class="figure">{figure}</dd>
      <dd class="below">{below}</dd>
    </div>
  )
}
