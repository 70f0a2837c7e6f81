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
  help,
}: {
  readonly title: string
  readonly figure: ComponentChildren
  /** A line of context, shown below the figure. */
  readonly below?: ComponentChildren
  /** What the figure means, with its unit: the tooltip. */
  readonly help?: string
}) {
  return (
    <div class="tile" title={help}>
      <dt>{title}</dt>
      <dd class="figure">{figure}</dd>
      <dd class="below">{below}</dd>
    </div>
  )
}
