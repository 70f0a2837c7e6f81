/** An element of a list. It is in one list at a time. */
export interface Linked<T> {
  previous: T | undefined
  next: T | undefined
}

/** A doubly linked list that removes an element in constant time. */
export class LinkedList<T extends Linked<T>> {
  #first: T | undefined
  #last: T | undefined
  #length = 0

  get first(): T | undefined {
    return this.#first
  }

  get last(): T | undefined {
    return this.#last
  }

  get length(): number {
    return this.#length
  }

  append(element: T): void {
    this.#insert(element, this.#last, undefined)
  }

  prepend(element: T): void {
    this.#insert(element, undefined, this.#first)
  }

  remove(element: T): void {
    const { previous, next } = element
    if (previous === undefined) this.#first = next
    else previous.next = next
    if (next === undefined) this.#last = previous
    else next.previous = previous
    element.previous = undefined
    element.next = undefined
    this.#length--
  }

  *[Symbol.iterator](): IterableIterator<T> {
    for (let element = this.#first; element !== undefined; element = element.next) yield element
  }

  #insert(element: T, previous: T | undefined, next: T | undefined): void {
    element.previous = previous
    element.next = next
    if (previous === undefined) this.#first = element
    else previous.next = element
    if (next === undefined) this.#last = element
    else next.previous = element
    this.#length++
  }
}
