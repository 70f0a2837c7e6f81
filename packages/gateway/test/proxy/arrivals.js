/** What arrives one by one, for a test that waits for the next. */
export class Arrivals {
    #ready = [];
    #waiting = [];
    #count = 0;
    /** How many have arrived so far. */
    get count() {
        return this.#count;
    }
    /** How many of them nobody has been given yet. */
    get ready() {
        return this.#ready.length;
    }
    add(item) {
        this.#count++;
        const first = this.#waiting.shift();
        if (first === undefined)
            this.#ready.push(item);
        else
            first(item);
    }
    /** The next in the order of arrival; each is given once. */
    next() {
        const first = this.#ready.shift();
        return first === undefined
            ? new Promise((resolve) => this.#waiting.push(resolve))
            : Promise.resolve(first);
    }
}
