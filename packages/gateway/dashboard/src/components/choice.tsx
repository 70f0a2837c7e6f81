import './choice.css'

/** A group of radio buttons, shown as a segmented control. */
export function Choice<Value extends string>({
  legend,
  name,
  options,
  value,
  onChoose,
}: {
  /** A label for screen readers. */
  readonly legend: string
  readonly name: string
  readonly options: Readonly<Record<Value, string>>
  readonly value: Value
  readonly onChoose: (value: Value) => void
}) {
  return (
    <fieldset class="choice">
      <legend class="visually-hidden">{legend}</legend>
      {(Object.entries(options) as [Value, string][]).map(([each, text]) => (
        <label key={each}>
          <input type="radio" name={name} checked={each === value} onChange={() => onChoose(each)} />
          {text}
        </label>
      ))}
    </fieldset>
  )
}
