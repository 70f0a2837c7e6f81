import { capacityOf, type Limit } from 'sluice'
import { reservedMoney } from './call-price.js'
import type { WeighedCall } from './llm-call.js'
import { fitToCapacity, type Reservation, type TokenResource } from './reservation.js'

/**
 * Returns the cost of a call's reservation in one resource. A default output is reduced to the
 * capacity of the limit.
 *
 * @param reservesAll true to charge the whole maximum, even if the call is expected to use less
 * @throws Error for money if the call has no price
 */
export function costIn(
  resource: TokenResource,
  { reservation, price }: Pick<WeighedCall, 'reservation' | 'price'>,
  limit: Limit,
  reservesAll = false,
): number {
  const reserved = reservesAll ? withoutExpectation(reservation) : reservation
  if (resource === 'money') {
    if (price === undefined) throw new Error('a call without a price cannot be charged to a limit on money')
    return reservedMoney(price, reserved, limit)
  }
  const { input, output, total } = fitToCapacity(reserved, { [resource]: capacityOf(limit) })
  if (resource === 'tokens') return total
  return resource === 'input_tokens' ? input : output
}

function withoutExpectation({ expected: _, ...whole }: Reservation): Reservation {
  return whole
}
