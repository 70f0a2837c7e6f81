import type { LimiterEvent } from 'sluice'
import type { Block } from '../../../policy/acts/access-list.js'
import { clientLabel, pathOf } from '../../../policy/client-label.js'
import type { RequestSender } from '../../../policy/policy-request.js'
import type { RecentRefusal, RecentRefusals as Response } from '../api/recent-refusals.js'

/** Maximum number of refusals. With all strings at their maximum length, they take about 1.5 MB. */
const MAX_REFUSALS = 1000
/** Maximum number of refusals in a response. */
const MAX_LISTED = 200
/** Maximum length of a request ID, in UTF-16 code units. */
const MAX_ID = 200

/** Selects refusals. A filter that is absent selects all. */
export interface RefusalFilter {
  /** A part of the client, rule, route, path or request ID, in upper or lower case. */
  readonly text?: string
  readonly rule?: string
  readonly client?: string
  /** The whole request ID. */
  readonly id?: string
}

/** The most recent refusals, in a ring buffer. */
export class RecentRefusals {
  #refusals: RecentRefusal[] = []
  /** Index of the oldest refusal once the buffer is full. */
  #oldest = 0

  onLimiterEvent(route: string, event: LimiterEvent<RequestSender>): void {
    if (event.type !== 'refused') return
    const { rule, reason, retryAfter } = event.refusal
    this.#add(event.request, {
      route,
      rule,
      reason,
      retryAfter: Number.isFinite(retryAfter) ? Math.ceil(retryAfter) : null,
    })
  }

  onBlocked(route: string, request: RequestSender, { reason: rule, until }: Block): void {
    const retryAfter = until === undefined ? null : Math.max(0, until - Date.now())
    this.#add(request, { route, rule, reason: 'blocked', retryAfter })
  }

  #add(
    request: RequestSender,
    refusal: Pick<RecentRefusal, 'route' | 'rule' | 'reason' | 'retryAfter'>,
  ): void {
    const { method, path } = pathOf(request)
    const added: RecentRefusal = {
      at: Date.now(),
      ...refusal,
      client: copyOf(clientLabel(request)),
      method,
      path: copyOf(path),
      id: copyOf((request.id ?? '').slice(0, MAX_ID)),
    }
    if (this.#refusals.length < MAX_REFUSALS) this.#refusals.push(added)
    else {
      this.#refusals[this.#oldest] = added
      this.#oldest = (this.#oldest + 1) % MAX_REFUSALS
    }
  }

  /** Removes the refusals of a client, and returns their number. */
  forget(client: string): number {
    const inOrder = this.#inOrder
    this.#refusals = inOrder.filter((each) => each.client !== client)
    this.#oldest = 0
    return inOrder.length - this.#refusals.length
  }

  /** The refusals, oldest first. */
  get #inOrder(): readonly RecentRefusal[] {
    return [...this.#refusals.slice(this.#oldest), ...this.#refusals.slice(0, this.#oldest)]
  }

  /** Returns the refusals that match, newest first. */
  find({ text = '', rule, client, id }: RefusalFilter): Response {
    const searched = text.toLowerCase()
    const found = this.#inOrder.filter(
      (each) =>
        (rule === undefined || each.rule === rule) &&
        (client === undefined || each.client === client) &&
        (id === undefined || each.id === id) &&
        (searched === '' || searchable(each).some((part) => part.toLowerCase().includes(searched))),
    )
    return {
      refusals: found.slice(-MAX_LISTED).reverse(),
      matching: found.length,
      kept: this.#refusals.length,
      maxKept: MAX_REFUSALS,
    }
  }
}

function searchable({ route, rule, client, method, path, id }: RecentRefusal): readonly string[] {
  return [client, rule, route, `${method} ${path}`, id]
}

/** Copies a string, which may otherwise keep the longer string in memory that it is a part of. */
function copyOf(text: string): string {
  return Buffer.from(text).toString()
}
