import { share } from './format.js'
import './bar.css'

/** A part of a whole, as a bar with its number beside it. */
export function Bar({ part, colour }: { readonly part: number; readonly colour: string }) {
  return (
    <span class="with-bar">
      <Fill part={part} colour={colour} />
      <span>{share(part)}</span>
    </span>
  )
}

/** The bar alone, where the number stands elsewhere. */
export function Fill({ part, colour }: { readonly part: number; readonly colour: string }) {
  const inlineSize = `${Math.min(Math.max(part, 0), 1) * 100}%`
  return (
    <span class="bar" aria-hidden="true">
      <span class="fill" style={{ inlineSize, background: `var(--${colour})` }} />
    </span>
  )
}

/** How a bar that fills up to a limit is coloured: the edge is seen from afar. */
export function colourOfFullness(used: number): string {
  if (used >= 1) return 'refused'
  return used >= 0.8 ? 'waiting' : 'allowed'
}
