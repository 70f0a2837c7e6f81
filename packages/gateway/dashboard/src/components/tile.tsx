import type { ComponentChildren } from 'preact'
import './tile.css'

/** A row of tiles. */
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
  /** A line of context, shown below the figure. */
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
