import type { ClientAddressReader } from 'sluice/http'
import type { ResponseMemory } from '../../policy/llm/response/response-memory.js'
import type { Admission } from '../../policy/policies.js'
import type { BodyMemory } from '../http/body-memory.js'
import type { ClientReader } from '../identity/client-reader.js'
import type { Recorder } from '../observability/recording/recorder.js'
import type { TrafficObserver } from '../observability/request-outcome.js'
import type { Upstream } from './upstream.js'
import type { UseCount } from './use-count.js'

/** What a request is handled with. A request keeps what it began with, also when the configuration changes meanwhile. */
export interface RequestServices {
  /** What the gateway calls itself in `Via`. */
  readonly gatewayName: string
  readonly admission: Admission
  readonly addresses: ClientAddressReader
  readonly clients: ClientReader
  readonly upstream: Upstream
  /** The requests that may still use the upstream: all that began with it. */
  readonly upstreamUse: UseCount
  /** The memory of the bodies that rules read. */
  readonly bodies: BodyMemory
  /** The memory of the answers that are read for what they cost. */
  readonly answers: ResponseMemory
  /** For the first byte of a body to come after its head, in milliseconds; 0 for no bound of its own. */
  readonly bodyStart: number
  /** Whether a POST that meets a closing connection to the upstream is sent once more. */
  readonly retriesPost: boolean
  readonly traffic: TrafficObserver
  /** Undefined where traffic is not recorded. */
  readonly recorder?: Recorder | undefined
}
