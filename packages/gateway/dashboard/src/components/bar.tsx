import { percent } from './format.js'
import './bar.css'

/** A bar that shows a fraction, with its percentage. */
export function Bar({ part, colour }: { readonly part: number; readonly colour: string }) {
  return (
    <span class="with-bar">
      <Fill part={part} colour={colour} />
      <span>{percent(part)}</span>
    </span>
  )
}

/** A bar without a percentage. */
export function Fill({ part, colour }: { readonly part: number; readonly colour: string }) {
  const inlineSize = `${Math.min(Math.max(part, 0), 1) * 100}%`
  return (
    <span class="bar" aria-hidden="true">
      <span class="fill" style={{ inlineSize, background: `var(--${colour})` }} />
    </span>
  )
}

/** Returns the colour of a usage bar, which changes at 80 % and at 100 % of the limit. */
export function usageColour(used: number): string {
  if (used >= 1) return 'refused'
  return used >= 0.8 ? 'waiting' : 'allowed'
}
