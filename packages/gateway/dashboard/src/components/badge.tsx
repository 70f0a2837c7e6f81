import type { ComponentChildren } from 'preact'
import './badge.css'

export type Tone = 'good' | 'warning' | 'bad' | 'shadowed' | 'plain'

/** A short label for a state. */
export function Badge({ tone, children }: { readonly tone: Tone; readonly children: ComponentChildren }) {
  return <span class={`badge ${tone}`}>{children}</span>
}
