/** Explains how to record traffic for replays. */
export function NothingRecorded() {
  return (
    <div class="empty">
      <p>
        A replay shows how other limits would have affected your recent traffic. Recording is off. To turn it
        on, add this line to the configuration file and restart the gateway:
      </p>
      <pre class="yaml">record: traffic.jsonl.gz</pre>
      <p>
        The record contains the time, path, tokens and duration of each request. Clients are stored as digests
        that cannot be reversed. The record takes up at most ten files of 100 MiB.
      </p>
    </div>
  )
}
