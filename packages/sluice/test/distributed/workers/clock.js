/** Milliseconds of the machine's clock that nobody can set, the same in all processes. */
export function now() {
  return Number(process.hrtime.bigint()) / 1e6
}
