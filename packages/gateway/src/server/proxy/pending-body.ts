import type { Permit, RequestBody } from 'sluice'
import { clientLabel } from '../../policy/client-label.js'
import type { LlmCall } from '../../policy/llm/llm-call.js'
import { firstBytes } from '../http/first-bytes.js'
import {
  BodyMemoryError,
  BodyTooComplexError,
  BodyTooLargeError,
  type HeldBody,
  readBody,
  statesMoreThan,
} from '../http/read-body.js'
import type { IncomingRequest } from './incoming-request.js'
import type { Candidate } from './request-context.js'

type Held = Pick<Permit, 'cancel'> | undefined

/**
 * The body of a request that is being decided on: read whole where a rule reads it, else awaited until it has begun, so that
 * no slot is taken for a request which cannot be sent on.
 */
export class PendingBody implements RequestBody {
  readonly isHere: boolean
  readonly #candidate: Candidate
  readonly #weighed: IncomingRequest
  #held: HeldBody | undefined
  #call: LlmCall | undefined

  /** @param comes whether the request has a body at all */
  constructor(candidate: Candidate, weighed: IncomingRequest, comes: boolean) {
    this.#candidate = candidate
    this.#weighed = weighed
    this.isHere = !comes || this.#hasArrived()
  }

  /** What was read; undefined where no rule reads the body, or there is none. */
  get held(): HeldBody | undefined {
    return this.#held
  }

  /** What the request asks a model for, where tokens are limited. */
  get call(): LlmCall | undefined {
    return this.#call
  }

  async #receive(held: Held): Promise<void> {
    const { request, setup, match, proceed } = this.#candidate
    const { readsBody, maxBody } = match.policy
    try {
      if (this.#held === undefined) {
        if (readsBody && statesMoreThan(request, maxBody)) throw new BodyTooLargeError(maxBody)
        proceed()
        await firstBytes(request, setup.bodyStart)
        if (!readsBody) return
        const owner = clientLabel(this.#weighed)
        const lease = (evict: () => void) => setup.bodies.lease(owner, evict)
        this.#held = await readBody(request, { limit: maxBody, proceed: () => {}, lease })
      }
      this.#prepareToRead(this.#held)
    } catch (error) {
      // The client is not at fault where the gateway has no room.
      if (error instanceof BodyMemoryError) await held?.cancel()
      throw error
    }
    this.#read()
  }

  receive(held: Held): Promise<void> | undefined {
    if (!this.isHere) return this.#receive(held)
    if (this.#candidate.match.policy.readsBody) {
      const { maxBody } = this.#candidate.match.policy
      if ((this.#held?.bytes.length ?? 0) > maxBody) throw new BodyTooLargeError(maxBody)
      this.#read()
    }
    return undefined
  }

  /** Lets go of what was read. */
  release(): void {
    this.#held?.lease.release()
    this.#held = undefined
  }

  /** What was read from the body is not needed any more; its bytes are. */
  forget(): void {
    if (this.#held !== undefined) this.#held.lease.complete(this.#held.bytes.length)
  }

  /** Takes the memory that reading a body needs. @returns whether there is so much now */
  #takeMemoryToRead({ bytes, lease }: HeldBody): boolean {
    return lease.grow(this.#weighed.memoryToRead(bytes))
  }

  /** @throws BodyMemoryError, BodyTooLargeError or BodyTooComplexError */
  #prepareToRead(held: HeldBody): void {
    const { setup, match } = this.#candidate
    const { maxBody } = match.policy
    if (held.bytes.length > maxBody) throw new BodyTooLargeError(maxBody)
    if (this.#takeMemoryToRead(held)) return
    const { limit } = setup.bodies
    const needed = held.bytes.length + this.#weighed.memoryToRead(held.bytes)
    throw needed > limit ? new BodyTooComplexError(limit) : new BodyMemoryError()
  }

  /** Whether all that has to be awaited came with the head; then it is taken. */
  #hasArrived(): boolean {
    const { request, setup, match } = this.#candidate
    if (!match.policy.readsBody) return request.hasBegun
    if (!request.hasArrived || request.destroyed) return false
    const length = request.readableLength
    const lease = setup.bodies.lease(clientLabel(this.#weighed), () => {})
    if (!lease.grow(length)) {
      lease.release()
      return false
    }
    lease.complete(length)
    const bytes = (request.read() as Buffer | null) ?? Buffer.alloc(0)
    this.#held = { bytes, lease }
    return this.#takeMemoryToRead(this.#held)
  }

  /** Read before anything else is taken: a call that cannot be read is refused, also where only a shadow rule counts it. */
  #read(): void {
    this.#weighed.receiveBody(this.#held?.bytes)
    if (this.#candidate.match.policy.llm !== undefined) this.#call = this.#weighed.call
  }
}
