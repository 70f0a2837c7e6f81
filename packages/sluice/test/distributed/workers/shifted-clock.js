// Sets the clock of a process off, before anything else is loaded: `--import shifted-clock.js?by=3600000`, in milliseconds.
const by = Number(new URL(import.meta.url).searchParams.get('by'))

const RealDate = Date
const now = () => RealDate.now() + by

globalThis.Date = new Proxy(RealDate, {
  construct: (target, args, made) => Reflect.construct(target, args.length === 0 ? [now()] : args, made),
  apply: () => new RealDate(now()).toString(),
  get: (target, name) => (name === 'now' ? now : Reflect.get(target, name)),
})

Object.defineProperty(performance, 'timeOrigin', { value: performance.timeOrigin + by })
