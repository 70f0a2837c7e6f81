import fc from 'fast-check'

/** The eight groups of an IPv6 address, often in ranges that embed IPv4 addresses. */
export const ipv6Groups: fc.Arbitrary<readonly number[]> = fc.oneof(
  fc.array(fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 0xffff })), { minLength: 8, maxLength: 8 }),
  startingWith([0, 0, 0, 0, 0, 0xffff]),
  startingWith([0x64, 0xff9b, 0, 0, 0, 0]),
  startingWith([0, 0, 0, 0, 0, 0]),
  startingWith([0x2001, 0xdb8]),
)

export const ipv4: fc.Arbitrary<string> = fc.ipV4()

function startingWith(first: readonly number[]): fc.Arbitrary<readonly number[]> {
  const rest = 8 - first.length
  return fc
    .array(fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 0xffff })), {
      minLength: rest,
      maxLength: rest,
    })
    .map((groups) => [...first, ...groups])
}

/** The choices that RFC 4291 leaves for the notation of an address. */
interface Notation {
  readonly leadingZeros: boolean
  readonly upperCase: boolean
  readonly dotted: boolean
  /** The index of the run of zeros to compress; if there is no such run, nothing is compressed. */
  readonly compressed: number
  readonly zone: string
}

export const notation: fc.Arbitrary<Notation> = fc.record({
  leadingZeros: fc.boolean(),
  upperCase: fc.boolean(),
  dotted: fc.boolean(),
  compressed: fc.nat(4),
  zone: fc.constantFrom('', '', '', '%eth0', '%1'),
})

/** Formats the groups of an address in a notation. */
export function formatted(groups: readonly number[], notation: Notation): string {
  const hex = groups.map((group) => {
    const digits = group.toString(16).padStart(notation.leadingZeros ? 4 : 1, '0')
    return notation.upperCase ? digits.toUpperCase() : digits
  })
  const [high = 0, low = 0] = groups.slice(6)
  const end = notation.dotted ? [[high >> 8, high & 255, low >> 8, low & 255].join('.')] : hex.slice(6)
  const parts = [...hex.slice(0, 6), ...end]
  return (
    shortened(parts, groups.slice(0, parts.length - (notation.dotted ? 1 : 0)), notation.compressed) +
    notation.zone
  )
}

/** Compresses the run of zeros with the given index, if there is one. */
function shortened(parts: readonly string[], groups: readonly number[], which: number): string {
  const runs = [
    ...groups
      .map((group) => (group === 0 ? '0' : 'x'))
      .join('')
      .matchAll(/0+/g),
  ]
  const run = runs[which]
  if (run === undefined) return parts.join(':')
  const before = parts.slice(0, run.index)
  const after = parts.slice(run.index + run[0].length)
  return `${before.join(':')}::${after.join(':')}`
}
