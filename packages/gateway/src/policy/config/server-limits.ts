import { readFileSync } from 'node:fs'
import { getHeapStatistics } from 'node:v8'
import type { GatewayConfig } from './config.js'

/** What a gateway holds at most, over all its processes. */
export interface ServerLimits {
  /** Connections of clients. */
  readonly maxConnections: number
  /** Bytes of request bodies that rules read. */
  readonly maxBodyMemory: number
}

/** What one process may use. */
export interface ProcessResources {
  /** Bytes of the heap. */
  readonly heap: number
  /** File descriptors; undefined where that is not known. */
  readonly descriptors: number | undefined
}

/** Descriptors that are kept for files, the store, the admin port and the process itself. */
const RESERVED_DESCRIPTORS = 128

/** What a connection may take of the heap, with what is buffered for it. In bytes. */
const CONNECTION_HEAP = 128 * 1024

/**
 * The part of the heap's size that bodies may take, with what is read from them. Their bytes are outside of the heap; what is
 * read from them is in it.
 */
const BODY_PART = 1 / 4

const MIN_CONNECTIONS = 8

/**
 * The limits of a gateway: as configured, or else what one process can hold, times the number of processes. Each connection of
 * a client has a descriptor, and another one for the upstream while a request of it runs.
 */
export function serverLimits(
  { server, workers }: Pick<GatewayConfig, 'server' | 'workers'>,
  { heap, descriptors = Number.POSITIVE_INFINITY }: ProcessResources = processResources(),
): ServerLimits {
  const byDescriptors = Math.floor((descriptors - RESERVED_DESCRIPTORS) / 2)
  const byHeap = Math.floor(heap / CONNECTION_HEAP)
  const connections = Math.max(MIN_CONNECTIONS, Math.min(byDescriptors, byHeap))
  return {
    maxConnections: server.maxConnections ?? connections * workers,
    maxBodyMemory: server.maxBodyMemory ?? Math.floor(heap * BODY_PART) * workers,
  }
}

/** The part of one process of several. */
export function shareOf({ maxConnections, maxBodyMemory }: ServerLimits, workers: number): ServerLimits {
  return {
    maxConnections: Math.max(1, Math.floor(maxConnections / workers)),
    maxBodyMemory: Math.max(1, Math.floor(maxBodyMemory / workers)),
  }
}

/** The resources of this process. */
function processResources(): ProcessResources {
  return { heap: getHeapStatistics().heap_size_limit, descriptors: descriptorLimit() }
}

let known: { readonly descriptors: number | undefined } | undefined

function descriptorLimit(): number | undefined {
  known ??= { descriptors: readDescriptorLimit() }
  return known.descriptors
}

function readDescriptorLimit(): number | undefined {
  try {
    const soft = /^Max open files\s+(\S+)/m.exec(readFileSync('/proc/self/limits', 'latin1'))?.[1]
    return soft === 'unlimited' ? undefined : numberOf(soft)
  } catch {
    // There is no /proc. A report has it on every Unix.
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
