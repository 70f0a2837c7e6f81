import { readFileSync } from 'node:fs'
import { getHeapStatistics } from 'node:v8'
import type { GatewayConfig } from './config.js'

/** Bounds on the resources of a gateway, across all its processes. */
export interface ServerLimits {
  /** Maximum number of client connections. */
  readonly maxConnections: number
  /** Maximum memory for request bodies that rules read, in bytes. */
  readonly maxBodyMemory: number
}

/** The resources of one process. */
export interface ProcessResources {
  /** Heap size limit in bytes. */
  readonly heap: number
  /** File descriptor limit; undefined if it is unknown. */
  readonly descriptors: number | undefined
}

/** Descriptors reserved for files, the store, the admin port and the process itself. */
const RESERVED_DESCRIPTORS = 128

/** Heap bytes budgeted for a connection and its buffers. */
const CONNECTION_HEAP_BYTES = 128 * 1024

/**
 * The fraction of the heap size budgeted for bodies and the values parsed from them. Bodies are
 * stored outside the heap, and parsed values inside it.
 */
const BODY_FRACTION = 1 / 4

const MIN_CONNECTIONS = 8

/**
 * Returns the configured limits. The default is the capacity of one process times the number of
 * processes. A client connection requires two descriptors: its own, and one for the upstream
 * connection of its request.
 */
export function serverLimits(
  { server, workers }: Pick<GatewayConfig, 'server' | 'workers'>,
  { heap, descriptors = Number.POSITIVE_INFINITY }: ProcessResources = processResources(),
): ServerLimits {
  const byDescriptors = Math.floor((descriptors - RESERVED_DESCRIPTORS) / 2)
  const byHeap = Math.floor(heap / CONNECTION_HEAP_BYTES)
  const connections = Math.max(MIN_CONNECTIONS, Math.min(byDescriptors, byHeap))
  return {
    maxConnections: server.maxConnections ?? connections * workers,
    maxBodyMemory: server.maxBodyMemory ?? Math.floor(heap * BODY_FRACTION) * workers,
  }
}

/** Divides the limits between workers, and returns the limits of one worker. */
export function shareOf({ maxConnections, maxBodyMemory }: ServerLimits, workers: number): ServerLimits {
  return {
    maxConnections: Math.max(1, Math.floor(maxConnections / workers)),
    maxBodyMemory: Math.max(1, Math.floor(maxBodyMemory / workers)),
  }
}

function processResources(): ProcessResources {
  return { heap: getHeapStatistics().heap_size_limit, descriptors: descriptorLimit() }
}

let cached: { readonly descriptors: number | undefined } | undefined

function descriptorLimit(): number | undefined {
  cached ??= { descriptors: readDescriptorLimit() }
  return cached.descriptors
}

function readDescriptorLimit(): number | undefined {
  try {
    const soft = /^Max open files\s+(\S+)/m.exec(readFileSync('/proc/self/limits', 'latin1'))?.[1]
    return soft === 'unlimited' ? undefined : numberOf(soft)
  } catch {
    // Other Unix systems have no /proc; a diagnostic report contains the limit.
    const { userLimits } = process.report.getReport() as {
      readonly userLimits?: { readonly open_files?: { readonly soft?: unknown } }
    }
    return numberOf(userLimits?.open_files?.soft)
  }
}

function numberOf(value: unknown): number | undefined {
  const number = Number(value)
  return Number.isSafeInteger(number) && number > 0 ? number : undefined
}
