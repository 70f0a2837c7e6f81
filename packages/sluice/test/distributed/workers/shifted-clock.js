// Shifts the clock of a process by `by` milliseconds: `--import shifted-clock.js?by=3600000`.
const by = Number(new URL(import.meta.url).searchParams.get('by'))

const RealDate = Date
const now = () => RealDate.now() + by

globalThis.Date = new Proxy(RealDate, {
  construct: (target, args, newTarget) =>
    Reflect.construct(target, args.length === 0 ? [now()] : args, newTarget),
  apply: () => new RealDate(now()).toString(),
  get: (target, name) => (name === 'now' ? now : Reflect.get(target, name)),
})

Object.defineProperty(performance, 'timeOrigin', { value: performance.timeOrigin + by })
