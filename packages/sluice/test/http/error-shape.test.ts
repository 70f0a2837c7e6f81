import { describe, expect, it } from 'vitest'
import { checkErrorShapeOptions, type ErrorShape } from '../../src/http/error-shape.js'
import { limitFields } from '../../src/http/limit-headers.js'
import { problem, refusalProblem, requestProblem } from '../../src/http/problem.js'
import type { Decision, Refusal } from '../../src/limiter/decision.js'
import type { Limit } from '../../src/limits/limit.js'
import { RequestError } from '../../src/rules/request-error.js'
import { minute, quota } from './quotas.js'

const day: Limit = { algorithm: 'fixed-window', limit: 10, period: 86_400_000 }

const refusal = (over: Partial<Refusal> = {}): Refusal => ({
  ...{ rule: 'requests', resource: 'requests', key: 'ada', limit: minute, cost: 1, remaining: 0 },
  ...{ retryAfter: 5_200, reason: 'exceeded', violated: ['requests'] },
  ...over,
})

const documentOf = (shape: ErrorShape, over: Partial<Refusal> = {}, requestId?: string) =>
  JSON.parse(
    refusalProblem(refusal(over), { errorShape: shape, ...(requestId !== undefined && { requestId }) }).body,
  )

describe('the error format of an API', () => {
  const detail =
    'The limit is 10 requests per minute. This request takes 1 request, but none are left. Try again in 6 seconds.'

  it.each<[ErrorShape, object]>([
    [
      'openai',
      { error: { message: detail, type: 'rate_limit_error', param: null, code: 'rate_limit_exceeded' } },
    ],
    ['anthropic', { error: { type: 'rate_limit_error', message: detail } }],
    ['ollama', { error: detail }],
    ['bedrock', { message: detail }],
    ['gemini', { error: { code: 429, message: detail, status: 'RESOURCE_EXHAUSTED' } }],
  ])('of %s is added to the problem document, whose members stay', (shape, members) => {
    const plain = JSON.parse(refusalProblem(refusal()).body)
    expect(documentOf(shape)).toEqual({ ...plain, ...members })
  })

  it('reports the request ID in the message, as the instance and in the member of the API', () => {
    const id = '0d6c0b1e-5a8e-4a7c-9c55-6d2f4f7b8f10'
    expect(documentOf('openai', {}, id)).toMatchObject({
      detail,
      instance: `urn:uuid:${id}`,
      error: { message: `${detail} (request ID: ${id})` },
    })
    expect(documentOf('anthropic', {}, 'a:b/c')).toMatchObject({ instance: 'a%3Ab%2Fc', request_id: 'a:b/c' })
    expect(documentOf('ollama', {}, id).error).toBe(`${detail} (request ID: ${id})`)
  })

  it('distinguishes a quota of a day or longer from a rate', () => {
    const codeOf = (over: Partial<Refusal>) => documentOf('openai', over).error.code
    expect(codeOf({ limit: day })).toBe('insufficient_quota')
    expect(codeOf({ limit: { ...day, period: 86_399_999 } })).toBe('rate_limit_exceeded')
    expect(codeOf({ reason: 'oversized', retryAfter: Number.POSITIVE_INFINITY })).toBe('rate_limit_exceeded')
  })

  it.each([
    [400, 'invalid_request_error', null, 'invalid_request_error', 'INVALID_ARGUMENT', 'ValidationException'],
    [
      401,
      'invalid_request_error',
      'invalid_api_key',
      'authentication_error',
      'UNAUTHENTICATED',
      'AccessDeniedException',
    ],
    [
      403,
      'invalid_request_error',
      'permission_denied',
      'permission_error',
      'PERMISSION_DENIED',
      'AccessDeniedException',
    ],
    [
      404,
      'invalid_request_error',
      'unknown_url',
      'not_found_error',
      'NOT_FOUND',
      'ResourceNotFoundException',
    ],
    [
      408,
      'invalid_request_error',
      null,
      'invalid_request_error',
      'DEADLINE_EXCEEDED',
      'ModelTimeoutException',
    ],
    [
      413,
      'invalid_request_error',
      'request_too_large',
      'request_too_large',
      'INVALID_ARGUMENT',
      'ValidationException',
    ],
    [415, 'invalid_request_error', null, 'invalid_request_error', 'INVALID_ARGUMENT', 'ValidationException'],
    [501, 'server_error', null, 'api_error', 'UNIMPLEMENTED', 'InternalServerException'],
    [502, 'server_error', null, 'api_error', 'UNAVAILABLE', 'ServiceUnavailableException'],
    [503, 'server_error', null, 'overloaded_error', 'UNAVAILABLE', 'ServiceUnavailableException'],
    [504, 'server_error', null, 'timeout_error', 'DEADLINE_EXCEEDED', 'ModelTimeoutException'],
  ])('names the type of a %i', (status, openAIType, code, anthropicType, geminiStatus, bedrockType) => {
    const errorOf = (errorShape: ErrorShape) =>
      JSON.parse(problem(status, 'Title', 'Detail', {}, { errorShape }).body).error
    expect(errorOf('openai')).toEqual({ message: 'Detail', type: openAIType, param: null, code })
    expect(errorOf('anthropic')).toEqual({ message: 'Detail', type: anthropicType })
    expect(errorOf('gemini')).toEqual({ message: 'Detail', code: status, status: geminiStatus })
    const { headers } = problem(status, 'Title', 'Detail', {}, { errorShape: 'bedrock' })
    expect(headers).toContainEqual(['x-amzn-errortype', bedrockType])
  })
})

it('names the code of an error that has its own', () => {
  const error = new RequestError("the model 'huge' has no price", 400, 'model_not_priced')
  const document = JSON.parse(requestProblem(error, { errorShape: 'openai' }).body)
  expect(document).toMatchObject({
    ...{ status: 400, code: 'model_not_priced' },
    error: { type: 'invalid_request_error', code: 'model_not_priced' },
  })
})

describe('the retry headers of a refusal', () => {
  const headersOf = (over: Partial<Refusal>, options: Parameters<typeof limitFields>[1]) => {
    const retryAfter = over.retryAfter ?? 5_200
    const decision: Decision = {
      allowed: false,
      quotas: [quota({ allowed: false, remaining: 0, retryAfter })],
      refusal: refusal(over),
    }
    const headers = Object.fromEntries(limitFields(decision, options))
    return [headers['retry-after'], headers['retry-after-ms'], headers['x-should-retry']]
  }
  const errorShape = 'openai'

  it.each<[string, Partial<Refusal>, object, unknown[]]>([
    ['a short wait', {}, { errorShape }, ['6', '5200', undefined]],
    ['a wait of a minute', { retryAfter: 60_000 }, { errorShape }, ['60', '60000', undefined]],
    ['a long wait', { retryAfter: 60_000.5 }, { errorShape }, ['61', '60001', 'false']],
    [
      'a higher maximum',
      { retryAfter: 90_000 },
      { errorShape, maxRetryWait: 9e4 },
      ['90', '90000', undefined],
    ],
    ['no wait at all', { retryAfter: 1 }, { errorShape, maxRetryWait: 0 }, ['1', '1', 'false']],
    [
      'a request that never fits',
      { reason: 'oversized', retryAfter: Number.POSITIVE_INFINITY },
      { errorShape },
      [undefined, undefined, 'false'],
    ],
    [
      'a response without Retry-After',
      { retryAfter: 61_000 },
      { errorShape, retryAfter: false },
      [undefined, undefined, 'false'],
    ],
    ['no error format', { retryAfter: 61_000 }, {}, ['61', undefined, undefined]],
  ])('fit %s', (_what, over, options, expected) => {
    expect(headersOf(over, options)).toEqual(expected)
  })
})

it.each([
  [
    { errorShape: 'mistral' },
    "'errorShape' must be 'openai', 'anthropic', 'ollama', 'gemini', 'bedrock', not 'mistral'",
  ],
  [{ maxRetryWait: 1000 }, "'maxRetryWait' requires 'errorShape'"],
  [
    { errorShape: 'openai', maxRetryWait: -1 },
    "'maxRetryWait' must be a number of milliseconds from 0 to 2147483647, not -1",
  ],
  [{ errorShape: 'openai', maxRetryWait: 2 ** 31 }, "'maxRetryWait' must be a number"],
])('rejects the options %o', (options, message) => {
  expect(() => checkErrorShapeOptions(options as never)).toThrow(message)
})
