/** Asks why the operator acts. The audit log keeps the answer. */
export function ReasonField({
  value,
  onInput,
}: {
  readonly value: string
  readonly onInput: (value: string) => void
}) {
  return (
    <label>
      Reason, for the audit log
      <input
        required
        value={value}
        maxLength={200}
        autocomplete="off"
        onInput={(event) => onInput(event.currentTarget.value)}
      />
    </label>
  )
}
