import type { Ref } from 'preact'

/** A search input with a label. */
export function SearchField({
  label,
  isLabelHidden = false,
  placeholder,
  value,
  onInput,
  maxLength,
  inputRef = null,
}: {
  readonly label: string
  /** True if only screen readers get the label. */
  readonly isLabelHidden?: boolean
  readonly placeholder: string
  readonly value: string
  readonly onInput: (value: string) => void
  readonly maxLength?: number
  readonly inputRef?: Ref<HTMLInputElement>
}) {
  return (
    <label>
      <span class={isLabelHidden ? 'visually-hidden' : undefined}>{label}</span>
      <input
        ref={inputRef}
        type="search"
        placeholder={placeholder}
        autocomplete="off"
        spellcheck={false}
        maxLength={maxLength}
        value={value}
        onInput={(event) => onInput(event.currentTarget.value)}
      />
    </label>
  )
}
