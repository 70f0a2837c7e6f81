/** The buttons for one client. */
export function ClientActions({
  client,
  onRefusals,
}: {
  /** The label of the client: `client ID`, or an address. */
  readonly client: string
  /** Shows the refusals of the client. */
  readonly onRefusals: (client: string) => void
}) {
  return (
    <div class="client-actions">
      <button type="button" onClick={() => onRefusals(client)}>
        Show refusals
      </button>
    </div>
  )
}
