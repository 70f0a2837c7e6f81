import fc from 'fast-check';
/** Addresses as people and programs write them, for the tests of what reads them. */
/** The eight groups of an IPv6 address; such as are in use, and such as look like an IPv4 one. */
export const ipv6Groups = fc.oneof(fc.array(fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 0xffff })), { minLength: 8, maxLength: 8 }), startingWith([0, 0, 0, 0, 0, 0xffff]), startingWith([0x64, 0xff9b, 0, 0, 0, 0]), startingWith([0, 0, 0, 0, 0, 0]), startingWith([0x2001, 0xdb8]));
export const ipv4 = fc.ipV4();
function startingWith(first) {
    const rest = 8 - first.length;
    return fc
        .array(fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 0xffff })), {
        minLength: rest,
        maxLength: rest,
    })
        .map((groups) => [...first, ...groups]);
}
export const notation = fc.record({
    zerosInFront: fc.boolean(),
    upperCase: fc.boolean(),
    dotted: fc.boolean(),
    leftOut: fc.nat(4),
    zone: fc.constantFrom('', '', '', '%eth0', '%1'),
});
export function written(groups, notation) {
    const hex = groups.map((group) => {
        const digits = group.toString(16).padStart(notation.zerosInFront ? 4 : 1, '0');
        return notation.upperCase ? digits.toUpperCase() : digits;
    });
    const [high = 0, low = 0] = groups.slice(6);
    const end = notation.dotted ? [[high >> 8, high & 255, low >> 8, low & 255].join('.')] : hex.slice(6);
    const parts = [...hex.slice(0, 6), ...end];
    return (shortened(parts, groups.slice(0, parts.length - (notation.dotted ? 1 : 0)), notation.leftOut) +
        notation.zone);
}
/** Leaves out the run of zeros with that number, where there is one. */
function shortened(parts, groups, which) {
    const runs = [
        ...groups
            .map((group) => (group === 0 ? '0' : 'x'))
            .join('')
            .matchAll(/0+/g),
    ];
    const run = runs[which];
    if (run === undefined)
        return parts.join(':');
    const before = parts.slice(0, run.index);
    const after = parts.slice(run.index + run[0].length);
    return `${before.join(':')}::${after.join(':')}`;
}
