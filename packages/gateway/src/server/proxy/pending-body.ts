import type { Permit, RequestBody } from 'sluice'
import { clientLabel } from '../../policy/client-label.js'
import type { LlmCall } from '../../policy/llm/llm-call.js'
import { firstBytes } from '../http/first-bytes.js'
import {
  BodyMemoryError,
  BodyTooComplexError,
  BodyTooLargeError,
  declaresMoreThan,
  type HeldBody,
  readBody,
} from '../http/read-body.js'
import type { IncomingRequest } from './incoming-request.js'
import type { RoutedRequest } from './request-context.js'

/** The charges already taken for the request. */
type ChargedPermit = Pick<Permit, 'cancel'> | undefined

/**
 * The body of a request that is being decided on.
 *
 * It is read in full if a rule needs it. Otherwise its first byte is awaited, so that no slot is
 * taken for a request that cannot be forwarded yet.
 */
export class PendingBody implements RequestBody {
  readonly isHere: boolean
  readonly #routed: RoutedRequest
  readonly #incoming: IncomingRequest
  #held: HeldBody | undefined
  #call: LlmCall | undefined

  /** @param isExpected whether the request has a body at all */
  constructor(routed: RoutedRequest, incoming: IncomingRequest, isExpected: boolean) {
    this.#routed = routed
    this.#incoming = incoming
    this.isHere = !isExpected || this.#takeArrived()
  }

  /** The body as read; undefined if no rule reads it or the request has none. */
  get held(): HeldBody | undefined {
    return this.#held
  }

  /** The model call in the body; undefined unless tokens are limited. */
  get call(): LlmCall | undefined {
    return this.#call
  }

  async #receive(charged: ChargedPermit): Promise<void> {
    const { request, services, match, sendContinue } = this.#routed
    const { readsBody, maxBody } = match.policy
    try {
      if (this.#held === undefined) {
        if (readsBody && declaresMoreThan(request, maxBody)) throw new BodyTooLargeError(maxBody)
        sendContinue()
        await firstBytes(request, services.bodyStartTimeoutMs)
        if (!readsBody) return
        const owner = clientLabel(this.#incoming)
        const lease = (evict: () => void) => services.bodyMemory.lease(owner, evict)
        this.#held = await readBody(request, { limit: maxBody, lease })
      }
      this.#prepareToParse(this.#held)
    } catch (error) {
      // The client is not at fault if the gateway runs out of memory for bodies, so its charges are
      // refunded.
      if (error instanceof BodyMemoryError) await charged?.cancel()
      throw error
    }
    this.#parse()
  }

  receive(charged: ChargedPermit): Promise<void> | undefined {
    if (!this.isHere) return this.#receive(charged)
    const { readsBody, maxBody } = this.#routed.match.policy
    if (readsBody) {
      if ((this.#held?.bytes.length ?? 0) > maxBody) throw new BodyTooLargeError(maxBody)
      this.#parse()
    }
    return undefined
  }

  /** Releases the body and its memory, of a request that is not admitted. */
  release(): void {
    this.#call?.prediction?.end()
    this.#held?.lease.release()
    this.#held = undefined
  }

  /** Releases the memory for values parsed from the body, but keeps its bytes. */
  forget(): void {
    if (this.#held !== undefined) this.#held.lease.complete(this.#held.bytes.length)
  }

  /** Leases the memory that parsing a body needs. @returns false if there is not enough */
  #leaseParsingMemory({ bytes, lease }: HeldBody): boolean {
    return lease.grow(this.#incoming.parsingMemory(bytes))
  }

  /** @throws BodyMemoryError, BodyTooLargeError or BodyTooComplexError */
  #prepareToParse(held: HeldBody): void {
    const { services, match } = this.#routed
    const { maxBody } = match.policy
    if (held.bytes.length > maxBody) throw new BodyTooLargeError(maxBody)
    if (this.#leaseParsingMemory(held)) return
    const { limit } = services.bodyMemory
    const needed = held.bytes.length + this.#incoming.parsingMemory(held.bytes)
    throw needed > limit ? new BodyTooComplexError(limit) : new BodyMemoryError()
  }

  /** Takes the body if all of it arrived with the head. @returns false if it must be awaited */
  #takeArrived(): boolean {
    const { request, services, match } = this.#routed
    if (!match.policy.readsBody) return request.hasBegun
    if (!request.hasArrived || request.destroyed) return false
    const length = request.readableLength
    const lease = services.bodyMemory.lease(clientLabel(this.#incoming), () => {})
    if (!lease.grow(length)) {
      lease.release()
      return false
    }
    lease.complete(length)
    const bytes = (request.read() as Buffer | null) ?? Buffer.alloc(0)
    this.#held = { bytes, lease }
    return this.#leaseParsingMemory(this.#held)
  }

  /**
   * Parses the body before anything else is charged. A model call that cannot be parsed is refused,
   * even if only a shadow rule counts it.
   */
  #parse(): void {
    this.#incoming.receiveBody(this.#held?.bytes)
    this.#incoming.checkModel()
    if (this.#routed.match.policy.llm !== undefined) this.#call = this.#incoming.call
  }
}
