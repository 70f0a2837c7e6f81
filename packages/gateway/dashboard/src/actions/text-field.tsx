/** A text input with a label. */
export function TextField({
  label,
  value,
  onInput,
  isOptional = false,
  maxLength,
}: {
  readonly label: string
  readonly value: string
  readonly onInput: (value: string) => void
  readonly isOptional?: boolean
  readonly maxLength?: number
}) {
  return (
    <label>
      {label}
      <input
        required={!isOptional}
        value={value}
        maxLength={maxLength}
        autocomplete="off"
        spellcheck={false}
        onInput={(event) => onInput(event.currentTarget.value)}
      />
    </label>
  )
}
