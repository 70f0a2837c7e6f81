import { capacityOf } from '../../src/limits/limit.js';
export function sumOf(entries) {
    return entries.reduce((sum, { cost }) => sum + cost, 0);
}
/** A history in which all came at one moment; none where nothing is used. */
export function allAt(at, cost) {
    return cost === 0 ? [] : [{ at, cost }];
}
/** How many times as much the new limit holds. */
export function growth(from, to) {
    return capacityOf(to) / capacityOf(from);
}
/** Where a moment lies once all times until now, or from now on, are that many times as long. */
export function stretched(at, now, times) {
    return now - (now - at) * times;
}
