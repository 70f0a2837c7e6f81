import { serviceOf, type Work } from '../rules/work.js'
import type { ServedWork, Service } from './service.js'
import type { Share, TenantCharge } from './share.js'

/** The service of a request that was admitted in this process. */
export class LocalService implements Service {
  #isServed = false

  /** @param onServed called once, with the actual work */
  constructor(
    private readonly charge: TenantCharge | undefined,
    private readonly sent: Service | undefined,
    private readonly onServed?: (work: Partial<Work>) => void,
  ) {}

  began(): void {
    this.sent?.began()
  }

  wrote(output: number, shown: number): void {
    this.charge?.wrote(output)
    this.sent?.wrote(output, shown)
  }

  served(work: ServedWork): void {
    this.charge?.served(work)
    this.sent?.served(work)
    this.#onServed(work)
  }

  rejected(...reason: Parameters<Service['rejected']>): void {
    this.sent?.rejected(...reason)
  }

  takeBack(): void {
    this.charge?.takeBack()
    this.sent?.takeBack()
    this.#onServed({ input: 0, output: 0 })
  }

  end(): void {
    this.charge?.end()
    this.sent?.end()
  }

  #onServed(work: Partial<Work>): void {
    if (this.#isServed) return
    this.#isServed = true
    this.onServed?.(work)
  }
}

/** Returns by how much the actual work of a request is more than what it was charged. */
export function serviceChange(
  { work, counts }: Share,
  { input = work.input, output = work.output }: Partial<Work>,
): number {
  return serviceOf({ input, output }, counts) - serviceOf(work, counts)
}
