/** How to have something to replay. */
export function NothingRecorded() {
  return (
    <div class="empty">
      <p>
        Here you can see what other limits would have done to the last hours of traffic. For that the gateway
        has to record it, which it does not do now. A line in its file turns it on, with the next start:
      </p>
      <pre class="yaml">record: traffic.jsonl.gz</pre>
      <p>
        Kept are when requests came, their paths, tokens and how long they ran; clients as digests that tell
        nobody who they are. At most ten files of 100 MiB.
      </p>
    </div>
  )
}
