import { setImmediate as nextTurn } from 'node:timers/promises';
/** A logistic model with weights that were chosen by hand: enough to answer with what was asked. */
export const lightweightModel = (features) => judged(sigmoid(score(features, WEIGHTS)));
/** The mean of a thousand models around the lightweight one: the same question, a thousand times the work. */
export const heavyModel = (features) => {
    let sum = 0;
    for (let member = 0; member < MEMBERS; member++) {
        sum += sigmoid(score(features, WEIGHTS) + Math.sin(member) * 0.5);
    }
    return judged(sum / MEMBERS);
};
/** By the name that a path may have. */
export const models = { lightweight: lightweightModel, heavy: heavyModel };
/** Asks a model often enough that the engine has compiled it, and lets other work in between. */
export async function warmModel(model) {
    for (let round = 0; round < 20; round++) {
        for (let step = 0; step < 20; step++)
            model([round, step, round - step]);
        await nextTurn();
    }
}
const WEIGHTS = [0.8, -0.5, 0.3];
const MEMBERS = 1000;
function score(features, weights) {
    return weights.reduce((sum, weight, index) => sum + weight * (features[index] ?? 0), -0.6);
}
function sigmoid(value) {
    return 1 / (1 + Math.exp(-value));
}
function judged(probability) {
    return { prediction: probability > 0.5 ? 'busy' : 'calm', probability: Math.round(probability * 1e4) / 1e4 };
}
