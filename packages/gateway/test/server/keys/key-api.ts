import type { KeyChange, KeyPage, ListedKey } from '../../../src/server/admin/api/admin-keys.js'
import { ACT_TOKEN, type GatewayProcess } from '../acts/fleet.js'
import { send } from '../gateway/running-gateway.js'

/** Sends a change to the keys of a gateway, with a reason, and returns the response. */
export async function changeKeys(
  { adminUrl }: Pick<GatewayProcess, 'adminUrl'>,
  path: string,
  body: object,
  token = ACT_TOKEN,
) {
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
  const sent = JSON.stringify({ reason: 'a test', ...body })
  const response = await send(adminUrl, `/api/keys${path}`, { headers, body: sent })
  return { ...response, body: JSON.parse(response.text) as KeyChange & { readonly error?: string } }
}

/** Creates a key on a gateway. */
export async function createKeyOn(gateway: Pick<GatewayProcess, 'adminUrl'>, properties: object) {
  const { body, status } = await changeKeys(gateway, '', properties)
  if (status !== 200 || body.key === undefined) throw new Error(body.error)
  return { key: body.key, id: body.listed.id }
}

/** Reads the keys of a gateway, or one of them. */
export async function readKeys<T extends KeyPage | ListedKey = KeyPage>(
  { adminUrl }: Pick<GatewayProcess, 'adminUrl'>,
  path = '',
): Promise<T> {
  const { text } = await send(adminUrl, `/api/keys${path}`, { method: 'GET' })
  return JSON.parse(text) as T
}

/** Returns the status of a request with a key. */
export async function statusWith({ url }: Pick<GatewayProcess, 'url'>, key: string): Promise<number> {
  return (await send(url, '/predict', { headers: { 'x-api-key': key } })).status
}
