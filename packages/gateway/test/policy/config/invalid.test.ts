import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  ConfigError,
  type ConfigProblem,
  loadConfig,
  parseConfig,
} from '../../../src/policy/config/load-config.js'

const UPSTREAM = 'upstream: http://127.0.0.1:9000'

function problemsOf(text: string): readonly ConfigProblem[] {
  try {
    parseConfig(text, 'gateway.yaml')
  } catch (error) {
    if (error instanceof ConfigError) return error.problems
    throw error
  }
  throw new Error(`the file is valid:\n${text}`)
}

/** A file with a limit that begins at line 2, column 1. */
const limit = (entry: string) =>
  `{ routes: [{ match: /models/:model, limits: [\n${entry}\n] }], ${UPSTREAM} }`

/** Each file has one problem, at `¦`. */
describe('the error for an invalid configuration file', () => {
  it.each<[string, string, string]>([
    // The file as a whole
    ['an empty file', '¦', 'the file is empty'],
    ['a file with only comments', '¦# nothing\n', 'the file is empty'],
    ['a list instead of a map', '¦- a', 'the file must be a map of settings, not a list'],
    ['a string instead of a map', '¦hello', "the file must be a map of settings, not 'hello'"],
    ['a tab as indentation', `${UPSTREAM}\ntimeouts:\n¦\tidle: 5s`, 'the line is indented with a tab'],
    ['a second document', `${UPSTREAM}\n¦---\nlisten: 8080`, 'a second document begins here'],
    ['a duplicate key', `${UPSTREAM}\nadmin: off\n¦admin: off`, "duplicate key 'admin'"],
    ['an unclosed bracket', `${UPSTREAM}\nroutes: [¦`, 'a bracket above is not closed'],
    ['telemetry without OTLP', `${UPSTREAM}\ntelemetry: ¦{}`, "'telemetry' requires 'otlp'"],
    ['an OTLP protocol', `${UPSTREAM}\ntelemetry: { otlp: { protocol: ¦grpc } }`, 'http/protobuf, http/json'],
    [
      'an OTLP host',
      `${UPSTREAM}\ntelemetry: { otlp: ¦collector }`,
      'must be a URL that begins with http: or',
    ],
    [
      'an OTLP password',
      `${UPSTREAM}\ntelemetry: { otlp: "¦http://a:b@collector" }`.replace('"¦', '¦"'),
      'must not contain a user name or password; set the variable OTEL_EXPORTER_OTLP_HEADERS',
    ],
    [
      'an export of nothing',
      `${UPSTREAM}\ntelemetry: { otlp: ¦{ traces: false, metrics: false } }`,
      'exports neither traces nor metrics',
    ],
    ['an empty name of a model', `${UPSTREAM}\nmodels: [¦""]`, 'a string of 1 to 128 characters'],
    ['an unknown tag', `${UPSTREAM}\nadmin: ¦!port 8081`, 'an unknown tag (!...)'],
    ['binary data', `${UPSTREAM}\nadmin: !!binary ¦aGk=`, 'use only maps, lists, strings, numbers'],
    ['a key that is not a string', `${UPSTREAM}\n¦true: 2`, 'keys must be strings'],
    ['a number as a key', `${UPSTREAM}\n¦1: 2`, "unknown key '1'; expected one of listen"],
    ['a number in unusual notation as a key', `${UPSTREAM}\nanswers: { ¦0x1ad: {} }`, 'keys must be strings'],
    // Answers
    [
      'an answer with a status that the gateway never sends',
      `${UPSTREAM}\nanswers: { ¦418: { detail: tea } }`,
      "the gateway has no answer '418'; expected one of 400, 401, 403",
    ],
    [
      'an answer without changes',
      `${UPSTREAM}\nanswers: { 429: ¦{} }`,
      "must have 'status', 'detail' or 'body'",
    ],
    [
      'an answer with a status that is not an error',
      `${UPSTREAM}\nanswers: { 429: { status: ¦200 } }`,
      "'status' must be a whole number from 400 to 599, not 200",
    ],
    [
      'an unknown placeholder',
      `${UPSTREAM}\nanswers: { 429: { detail: ¦"after {retry-after} {retryafter}" } }`,
      "unknown placeholder '{retryafter}'; did you mean 'retry_after'?",
    ],
    [
      'an unknown placeholder in a body',
      `${UPSTREAM}\nanswers: { 429: { body: ¦{ error: [{ a: "{wholly_unknown}" }] } } }`,
      "unknown placeholder '{wholly_unknown}'; the placeholders are status, title, detail",
    ],
    [
      'a body that is not JSON',
      `${UPSTREAM}\nanswers: { 429: { body: ¦'{"retry": {retry_after}}' } }`,
      "'body' must be JSON",
    ],
    [
      'an error format that no SDK reads',
      `${UPSTREAM}\nroutes: [{ match: POST /v1/chat/completions, llm: { shape: openai, error_shape: ¦mistral } }]`,
      "'error_shape' must be openai, anthropic, ollama",
    ],
    ['an alias without an anchor', `${UPSTREAM}\nidentity: ¦*unknown`, "no anchor '&unknown'"],
    ['a NUL byte', `${UPSTREAM} ¦\0`, 'a NUL byte'],
    // Settings
    ['a missing upstream', '¦listen: 8080', "'upstream' is missing"],
    ['an upstream without a scheme', 'upstream: ¦127.0.0.1:9000', "'upstream' must be a URL"],
    ['an upstream that is not HTTP', 'upstream: ¦ftp://a', "must begin with http: or https:, not 'ftp:'"],
    ['an empty upstream', 'upstream:¦', "'upstream' must be a string, but it is empty"],
    ['a misspelled key', `${UPSTREAM}\n¦lisen: 8080`, "unknown key 'lisen'; did you mean 'listen'?"],
    ['a key in camel case', `${UPSTREAM}\n¦maxBody: 1MiB`, "did you mean 'max_body'?"],
    [
      'an unknown key',
      `${UPSTREAM}\n¦colour: red`,
      "unknown key 'colour'; expected one of listen, workers, admin",
    ],
    ['CORS settings that are a list', `${UPSTREAM}\ncors: ¦[a]`, "'cors' must be 'off', or a map such as"],
    ['CORS settings without origins', `${UPSTREAM}\ncors: ¦{ max_age: 1h }`, "'cors' requires 'origins'"],
    [
      'an origin with a path',
      `${UPSTREAM}\ncors: { origins: ["https://a.example", ¦"https://app.example/chat"] }`,
      "'https://app.example/chat' is not an origin; write the scheme, host and port alone, as in https://app.example, or '*'",
    ],
    [
      'an origin with a slash at its end',
      `${UPSTREAM}\ncors: { origins: ¦"https://app.example/" }`,
      'as in https://app.example,',
    ],
    [
      'an origin with its default port',
      `${UPSTREAM}\ncors: { origins: ¦"https://app.example:443" }`,
      'as in https://app.example,',
    ],
    [
      'an origin in capitals',
      `${UPSTREAM}\ncors: { origins: ¦"https://App.example" }`,
      'as in https://app.example,',
    ],
    [
      'an origin with a wildcard',
      `${UPSTREAM}\ncors: { origins: ¦"https://*.example" }`,
      "'https://*.example' is not an origin",
    ],
    ['the origin null', `${UPSTREAM}\ncors: { origins: ¦"null" }`, "'null' is not an origin"],
    [
      'every origin among others',
      `${UPSTREAM}\ncors: { origins: ¦["*", "https://a.example"] }`,
      "'*' in 'origins' includes everything; remove '*', or the other entries",
    ],
    [
      'every origin with credentials',
      `${UPSTREAM}\ncors: { credentials: true, origins: ¦"*" }`,
      "'*' cannot be combined with 'credentials: true'",
    ],
    [
      'a method in lower case',
      `${UPSTREAM}\ncors: { origins: "*", methods: [¦post] }`,
      "must be a method in upper case such as POST, or '*'",
    ],
    [
      'a header with a space',
      `${UPSTREAM}\ncors: { origins: "*", headers: [¦"X Y"] }`,
      "must be the name of a header such as Authorization, or '*'",
    ],
    [
      'an age above a day',
      `${UPSTREAM}\ncors: { origins: "*", max_age: ¦2 days }`,
      "'max_age' must be at most 24 hours",
    ],
    [
      'a misspelled key of the CORS settings of a route',
      `${UPSTREAM}\nroutes: [{ match: /a, cors: { origins: "*", ¦max-age: 1h } }]`,
      "unknown key 'max-age'; did you mean 'max_age'?",
    ],
    [
      'proxy headers without trusted proxies',
      `${UPSTREAM}\nidentity: { proxy_headers: ¦{ client: X-Client } }`,
      "'proxy_headers' requires 'trusted_proxies'",
    ],
    [
      'proxy headers without the header of the client',
      `${UPSTREAM}\nidentity: { trusted_proxies: [10.0.0.1], proxy_headers: ¦{ tier: X-Tier } }`,
      "'proxy_headers' requires 'client'",
    ],
    [
      'a JWT section without an audience',
      `${UPSTREAM}\nidentity: { jwt: ¦{ jwks: https://a.example/jwks.json } }`,
      "'jwt' requires 'audience'",
    ],
    [
      'an algorithm without a signature',
      `${UPSTREAM}\nidentity: { jwt: ¦{ jwks: https://a.example/j, audience: a, algorithms: [none] } }`,
      "'algorithms' must contain only",
    ],
    ['a tier with the multiplier 0', `${UPSTREAM}\ntiers: { free: ¦0 }`, 'more than zero'],
    ["a misspelled 'unlimited'", `${UPSTREAM}\ntiers: { free: ¦Unlimited }`, 'or unlimited'],
    ['tiers as a list', `${UPSTREAM}\ntiers: ¦[free]`, 'a map such as { free: 1, premium: 5 }'],
    [
      'a requirement that returns a string',
      `${UPSTREAM}\nroutes: [{ match: /a, require: ¦client.tier }]`,
      'the expression must return true or false',
    ],
    [
      'a requirement with a misspelled variable',
      `${UPSTREAM}\nroutes: [{ match: /a, require: "¦clinet.tier == 'a'" }]`,
      "did you mean 'client'",
    ],
    [
      'refuse_with without require',
      `${UPSTREAM}\nroutes: [¦{ match: /a, refuse_with: { status: 403 } }]`,
      "'refuse_with' requires 'require'",
    ],
    [
      'a refusal with a success status',
      `${UPSTREAM}\nroutes: [{ match: /a, require: 'true', refuse_with: { status: ¦200 } }]`,
      'a whole number from 400 to 499',
    ],
    [
      'a warm-up without its duration',
      `${UPSTREAM}\nroutes: [{ match: /a, warm_up: ¦{ ready: http://a/healthz, from: 0.2 } }]`,
      "'warm_up' requires 'over'",
    ],
    [
      'a warm-up that begins at 0',
      `${UPSTREAM}\nroutes: [{ match: /a, warm_up: { ready: http://a/healthz, from: ¦0, over: 60s } }]`,
      'more than 0 and at most 1',
    ],
    [
      'a warm-up whose URL has no scheme',
      `${UPSTREAM}\nroutes: [{ match: /a, warm_up: { ready: ¦healthz, from: 0.2, over: 60s } }]`,
      "'ready' must be an HTTP URL",
    ],
    [
      'a warm-up whose URL contains a password',
      `${UPSTREAM}\nroutes: [{ match: /a, warm_up: { ready: ¦http://me:secret@a/healthz, from: 0.2, over: 60s } }]`,
      'must not contain a user name or password',
    ],
    [
      'a queue of length 0',
      `${UPSTREAM}\nroutes: [{ match: /a, limits: [{ concurrent: 1, wait: 2s, queue: ¦0 }] }]`,
      'a whole number from 1 to 10000',
    ],
    [
      'a tier with an invalid limit',
      `${UPSTREAM}\nroutes: [{ match: /a, limits: [{ limit: 1/s, tiers: { gold: ¦much } }] }]`,
      'much',
    ],
    [
      'an invalid network',
      `${UPSTREAM}\nidentity: { trusted_proxies: [::1, ¦10.0.0.0/33] }`,
      "'10.0.0.0/33' is not an address or network",
    ],
    [
      'an invalid network to allow',
      `${UPSTREAM}\nroutes: [{ match: /a, limits: [1/s], allow: [10.0.0.0/8, ¦intranet] }]`,
      "'intranet' is not an address or network; use a value such as 10.0.0.0/8 or ::1",
    ],
    [
      'a single network to allow',
      `${UPSTREAM}\ndefault: { limits: [1/s], allow: ¦10.0.0.0/8 }`,
      "'allow' must be a list of addresses and networks such as [10.0.0.0/8]",
    ],
    [
      'a negative number of proxies',
      `${UPSTREAM}\nidentity: { trusted_proxies: ¦-1 }`,
      'must be a whole number from 0 to 100, not -1',
    ],
    [
      'proxies that are neither a list nor a number',
      `${UPSTREAM}\nidentity: { trusted_proxies: ¦true }`,
      'a list of addresses and networks such as [10.0.0.0/8], or the number of proxies',
    ],
    [
      'a header of proxies without proxies',
      `${UPSTREAM}\nidentity: { trusted_proxies: 0, forwarded_header: ¦Forwarded }`,
      "'forwarded_header' requires 'trusted_proxies'",
    ],
    [
      'an unknown header of proxies',
      `${UPSTREAM}\nidentity: { trusted_proxies: 1, forwarded_header: ¦X-Real-IP }`,
      "'forwarded_header' must be 'X-Forwarded-For' or 'Forwarded'",
    ],
    [
      'an IPv6 prefix that is too long',
      `${UPSTREAM}\nidentity: { ipv6_subnet: ¦129 }`,
      "'ipv6_subnet' must be a whole number from 1 to 128, not 129",
    ],
    [
      'a port out of range',
      `${UPSTREAM}\nlisten: ¦127.0.0.1:80800`,
      'a port must be a number from 0 to 65535, not 80800',
    ],
    ['a URL as the listen address', `${UPSTREAM}\nlisten: ¦http://localhost:80`, 'is not a listen address'],
    [
      'an admin port that is also the listen port',
      `${UPSTREAM}\nlisten: :8081\nadmin: ¦8081`,
      "'listen' and 'admin' are both on port 8081",
    ],
    [
      'probes on the port for clients',
      `${UPSTREAM}\nlisten: 127.0.0.1:8082\nprobes: ¦:8082`,
      "'listen' and 'probes' are both on port 8082; change one of them, or remove 'probes'",
    ],
    [
      'probes on the admin port',
      `${UPSTREAM}\nprobes: ¦8081`,
      "'admin' and 'probes' are both on port 8081; change one of them, or remove 'probes'",
    ],
    ['probes without a port', `${UPSTREAM}\nprobes: ¦on`, 'is not a listen address'],
    ['an unknown unit of size', `${UPSTREAM}\nmax_body: ¦1 mebi`, "'1 mebi' is not a size in whole bytes"],
    ['a body that is too large', `${UPSTREAM}\nmax_body: ¦1GiB`, 'from 1 byte to 256MiB'],
    ['a time without a unit', `${UPSTREAM}\ntimeouts: { idle: ¦5 }`, 'a duration with a unit, such as 5s'],
    [
      'an unknown unit of time',
      `${UPSTREAM}\ntimeouts: { idle: ¦5 parsecs }`,
      "'5 parsecs' is not a duration",
    ],
    ['a timeout that is too long', `${UPSTREAM}\ntimeouts: { idle: ¦25 days }`, 'at most 24 days'],
    [
      'TLS without a key',
      `${UPSTREAM}\nlisten: { tls: ¦{ cert: a.crt } }`,
      "'tls' requires 'cert' and 'key'",
    ],
    [
      'TLS to an upstream without it',
      'upstream: { url: http://127.0.0.1:9000, tls: ¦{ ca: ca.crt } }',
      "'tls' requires an upstream with https:",
    ],
    ['an upstream without a URL', 'upstream: ¦{ tls: { ca: ca.crt } }', "'upstream' requires 'url'"],
    ['a negative drain', `${UPSTREAM}\ntimeouts: { drain: ¦-1 }`, 'a duration with a unit, such as 5s'],
    [
      'an unknown format of client names in the log',
      `${UPSTREAM}\nlog: { clients: ¦rot13 }`,
      'one of plain, masked, hashed',
    ],
    [
      'a log that is not a map',
      `${UPSTREAM}\nlog: ¦off`,
      'a map such as { refusals: true, clients: hashed }',
    ],
    ['a deny list that is a string', `${UPSTREAM}\ndeny: ¦10.0.0.0/8`, "'deny' must be a list such as"],
    [
      'a denied network that is none',
      `${UPSTREAM}\ndeny: [10.0.0.0/8, ¦acme]`,
      "'acme' is not an address or network; write an address such as 192.0.2.7, a network such as 10.0.0.0/8, or { client: acme }",
    ],
    [
      'an allowed client without an ID',
      `${UPSTREAM}\nallow: [{ client: ¦'' }]`,
      'a string of 1 to 256 characters',
    ],
    [
      'an allowed client with an unknown key',
      `${UPSTREAM}\nallow: [{ ¦clients: a }]`,
      "did you mean 'client'?",
    ],
    [
      'a file of acts with Redis',
      `${UPSTREAM}\nstore: redis://127.0.0.1\nstate: ¦acts.json`,
      "acts are kept in Redis, where all gateways read them; remove 'state'",
    ],
    [
      'an admin token without a role',
      `${UPSTREAM}\nadmin: { tokens: [¦{ name: ada, token_sha256: 5ec2e70000000000000000000000000000000000000000000000000000000000 }] }`,
      "a token requires 'role', as in { name: ada, role: act, token_sha256: … }",
    ],
    [
      'an unknown role',
      `${UPSTREAM}\nadmin: { tokens: [{ name: ada, role: ¦admin, token_sha256: 5ec2e70000000000000000000000000000000000000000000000000000000000 }] }`,
      "'role' must be read or act",
    ],
    [
      'two admin tokens with one name',
      `${UPSTREAM}\nadmin: { token_sha256: 5ec2e70000000000000000000000000000000000000000000000000000000000, tokens: [¦{ name: admin, role: act, token_sha256: 5ec2e80000000000000000000000000000000000000000000000000000000000 }] }`,
      "two tokens are called 'admin', which is the name of 'token_sha256'; give each its own 'name'",
    ],
    [
      'one admin token for two operators',
      `${UPSTREAM}\nadmin: { tokens: [{ name: a, role: act, token_sha256: 5ec2e70000000000000000000000000000000000000000000000000000000000 }, ¦{ name: b, role: read, token_sha256: 5ec2e70000000000000000000000000000000000000000000000000000000000 }] }`,
      "the token of 'b' is also that of another",
    ],
    [
      'an admin port on all interfaces without a token',
      `${UPSTREAM}\nadmin: ¦:8081`,
      "requires 'token_sha256'",
    ],
    [
      'a token instead of its digest',
      `${UPSTREAM}\nadmin: { listen: :8081, token_sha256: ¦hunter2 }`,
      "'token_sha256' must be the SHA-256 of a token",
    ],
    [
      'names of an admin port without a token',
      `${UPSTREAM}\nadmin: { names: ¦[sluice.example] }`,
      "clients of a proxy and requires 'token_sha256'",
    ],
    [
      'a name of an admin port that includes a port',
      `${UPSTREAM}\nadmin: { names: [¦"sluice.example:443"], token_sha256: ${'5ec2e7'.padEnd(64, '0')} }`,
      'a host name without a port, such as sluice.example',
    ],
    [
      'forward_credentials without credentials',
      `${UPSTREAM}\nidentity: { forward_credentials: ¦false }`,
      "'forward_credentials' requires 'api_keys' or 'jwt'",
    ],
    [
      'keys in the store, which is the memory',
      `${UPSTREAM}\nidentity: { api_keys: ¦store }`,
      "'api_keys: store' keeps keys in Redis, but the store is the memory of the gateway; set, for example, store: redis://",
    ],
    [
      'keys in the store, which is Memcached',
      `${UPSTREAM}\nstore: memcached://127.0.0.1\nidentity: { api_keys: ¦store }`,
      'but Memcached may drop them',
    ],
    [
      'api_key_headers without api_keys',
      `${UPSTREAM}\nidentity: { api_key_headers: ¦[x-goog-api-key] }`,
      "'api_key_headers' requires 'api_keys'",
    ],
    [
      'a reserved header for API keys',
      `${UPSTREAM}\nidentity: { api_keys: k.yaml, api_key_headers: [api-key, ¦Authorization] }`,
      "'authorization' is reserved; choose another header",
    ],
    [
      'a header for API keys with an underscore',
      `${UPSTREAM}\nidentity: { api_keys: k.yaml, api_key_headers: [¦api_key] }`,
      'the name of a header such as',
    ],
    [
      'a forwarded identity without identified clients',
      `${UPSTREAM}\nidentity: { forward: ¦{ client: X-Client-Id } }`,
      "'forward' requires identified clients",
    ],
    [
      'a forwarded identity without headers',
      `${UPSTREAM}\nidentity: { api_keys: k.yaml, forward: ¦{} }`,
      "'forward' requires 'client', 'tier' or both",
    ],
    [
      'a client and a tier forwarded in one header',
      `${UPSTREAM}\nidentity: { api_keys: k.yaml, forward: ¦{ client: X-Id, tier: x-id } }`,
      "'client' and 'tier' of 'forward' are the same header",
    ],
    ...['Host', 'X-Forwarded-For', 'Content-Type', 'Via', 'Connection', 'Cookie', 'X-Original-URL'].map(
      (name): [string, string, string] => [
        `an identity forwarded in the reserved header ${name}`,
        `${UPSTREAM}\nidentity: { api_keys: k.yaml, forward: { client: ¦${name} } }`,
        `'${name.toLowerCase()}' is reserved; choose another header, such as X-Client-Id`,
      ],
    ),
    ['an unknown default policy', `${UPSTREAM}\ndefault: ¦allow`, "'default' must be 'deny', or a map"],
    // Routes
    ['routes as a map', `${UPSTREAM}\nroutes: ¦{ match: /a }`, "'routes' must be a list of routes"],
    ['a route without a match', `${UPSTREAM}\nroutes:\n  - ¦limits: [1/s]`, "a route requires 'match'"],
    [
      'the digest of a secret that is easy to guess',
      `${UPSTREAM}\nadmin: { listen: :8081, token_sha256: ¦6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b }`,
      'easy to guess',
    ],
    [
      'a misspelled key of a route',
      `${UPSTREAM}\nroutes:\n  - match: /a\n    ¦limts: [1/s]`,
      "did you mean 'limits'?",
    ],
    [
      'a vendor whose shape the path does not determine',
      `${UPSTREAM}\nroutes: [{ match: /a, llm: ¦openai }]`,
      'write one of openai-chat, openai-completions',
    ],
    [
      'an unknown shape',
      `${UPSTREAM}\nroutes: [{ match: /a, llm: ¦mistral }]`,
      "'llm' must be one of auto, openai",
    ],
    [
      'an llm section without a shape',
      `${UPSTREAM}\nroutes: [{ match: /a, llm: ¦{ default_output: 5 } }]`,
      "'llm' requires 'shape'",
    ],
    [
      'an unknown reservation',
      `${UPSTREAM}\nroutes: [{ match: /chat/completions, llm: { shape: openai, reserve: ¦median } }]`,
      "'reserve' must be stated, learned or p90",
    ],
    [
      'when_exhausted without learned reservations',
      `${UPSTREAM}\nroutes: [{ match: /chat/completions, llm: { shape: openai, when_exhausted: ¦finish } }]`,
      "'when_exhausted' applies only with 'reserve: learned' or 'reserve: p90'",
    ],
    [
      'a cut of streams that cannot be ended',
      `${UPSTREAM}\nroutes: [{ match: /a, llm: { shape: { input: [/q] }, reserve: learned, when_exhausted: ¦cut } }]`,
      "the gateway cannot end a stream of the shape 'custom' early; write finish. Streams of openai-chat, openai-completions, openai-responses, anthropic-messages, ollama-chat, ollama-generate, gemini-generate can be cut",
    ],
    [
      'a custom shape without input',
      `${UPSTREAM}\nroutes: [{ match: /a, llm: { shape: ¦{ text: /text } } }]`,
      'a custom shape requires a pointer to the input',
    ],
    [
      'an invalid JSON pointer',
      `${UPSTREAM}\nroutes: [{ match: /a, llm: { shape: ¦{ input: prompt } } }]`,
      'prompt',
    ],
    [
      'an unknown tokenizer',
      `${UPSTREAM}\nroutes: [{ match: /a, llm: { shape: openai-chat, tokenizer: ¦gpt9 } }]`,
      'one of o200k_base',
    ],
    [
      'another definition of a limit that two routes share',
      `${UPSTREAM}\nroutes: [{ match: /a, limits: [{ limit: 1/s, shared: a }] }, { match: /b, limits: [{ limit: ¦2/s, shared: a }] }]`,
      "'limit' of the shared limit 'a' differs from its definition on line 2; write the same limit in both",
    ],
    [
      'a shared limit with a key that its first definition lacks',
      `${UPSTREAM}\nroutes: [{ match: /a, limits: [{ limit: 1/s, shared: a }] }, { match: /b, limits: [{ limit: 1 per second, by: ¦ip, shared: a }] }]`,
      "'by' of the shared limit 'a' differs",
    ],
    [
      'a shared limit without a key of its first definition',
      `${UPSTREAM}\nroutes: [{ match: /a, limits: [{ limit: 5/s, shared: a, cost: 2 }] }]\ndefault: { limits: [¦{ limit: 5/s, shared: a }] }`,
      "'cost' of the shared limit 'a' differs from its definition on line 2",
    ],
    [
      'a shared limit with the name of a limit of all routes that read tokens',
      `${UPSTREAM}\nlimits: [{ limit: 5/s, of: tokens, name: a }]\nroutes: [{ match: /a, limits: [{ limit: 5/s, shared: ¦a }] }]`,
      "the limit of all routes on line 2 is called 'a' too",
    ],
    [
      'a shared limit that has a name as well',
      limit('{ limit: 1/s, shared: a, name: ¦b }'),
      "'shared' names the limit already; remove 'name'",
    ],
    [
      'a top-level limit with shared',
      `${UPSTREAM}\nlimits: [{ limit: 5/s, shared: ¦a }]`,
      "write 'name' instead of 'shared'",
    ],
    [
      'a shared limit with the name of a limit of a route',
      `${UPSTREAM}\nlimits: [¦{ limit: 5/s, name: a }]\nroutes: [{ match: /a, limits: [{ limit: 1/s, name: a }] }]`,
      "on the route /a: two rules are called 'a'",
    ],
    [
      'a limit of tokens without llm or a cost',
      `${UPSTREAM}\nroutes: [{ match: /a, limits: [{ limit: 5/s, of: ¦tokens }] }]`,
      "add 'llm' to the route, or 'cost' to the limit",
    ],
    [
      'a limit of tokens with llm and a cost',
      `${UPSTREAM}\nroutes: [{ match: /a, llm: openai-chat, limits: [{ limit: 5/s, of: tokens, cost: ¦3 }] }]`,
      "remove 'cost'",
    ],
    [
      'a number instead of a list of limits',
      `${UPSTREAM}\nroutes: [{ match: /a, limits: ¦7 }]`,
      "'limits' must be a list of limits",
    ],
    [
      "an empty value for 'limits'",
      `${UPSTREAM}\nroutes:\n  - match: /a\n    limits:¦`,
      "'limits' must be a list of limits such as [10/minute], but it is empty",
    ],
    ['an invalid pattern', `${UPSTREAM}\nroutes: [{ match: GET /a/¦%20 }]`, 'a percent sign'],
    [
      'an invalid pattern in quotes',
      `${UPSTREAM}\nroutes: [{ match: 'GET /a/¦:1' }]`,
      'a parameter needs a name',
    ],
    [
      'a route hidden by an earlier wildcard',
      `${UPSTREAM}\nroutes:\n  - match: POST /a/*\n  - match: ¦POST /a/b`,
      "'POST /a/*' on line 3 matches all its requests",
    ],
    [
      'a duplicate route',
      `${UPSTREAM}\nroutes: [{ match: /a }, { match: ¦/A/ }]`,
      "'/a' on line 2 matches all its requests",
    ],
    // Limits
    ['an access log without a file', `${UPSTREAM}\naccess_log: ¦{}`, "'access_log' requires 'file'"],
    [
      'an access log that is a string',
      `${UPSTREAM}\naccess_log: ¦access.jsonl`,
      'such as { file: access.jsonl }',
    ],
    ['an unknown key of the access log', `${UPSTREAM}\naccess_log: { file: a, ¦size: 1 }`, "'size'"],
    ['models that are no list', `${UPSTREAM}\nmodels: ¦small`, 'a list of models such as [small, large]'],
    [
      'too many models',
      `${UPSTREAM}\nmodels: ¦[${Array.from({ length: 51 }, (_, n) => `m${n}`).join(', ')}]`,
      '50',
    ],
    ['an unknown period', limit('10/¦parsec'), "unknown unit 'parsec'"],
    ['an unknown period in double quotes', limit('"10/¦parsec"'), "unknown unit 'parsec'"],
    ['an unknown period after an escape', limit('¦"\\u0031/parsec"'), "unknown unit 'parsec'"],
    ['an invalid second limit', limit("'10/minute; ¦often'"), 'expected a number'],
    ['a number instead of a limit', limit('¦10'), 'must be a limit such as 10/minute, or a map'],
    [
      'an entry with neither limit nor concurrent',
      limit('¦{ by: ip }'),
      "a limit requires 'limit', such as 10/minute, or 'concurrent', such as 4",
    ],
    [
      'an entry with both limit and concurrent',
      limit('{ limit: 10/minute, concurrent: ¦4 }'),
      "'limit' and 'concurrent' are two limits",
    ],
    ['a queue without a wait', limit('{ limit: 10/minute, queue: ¦5 }'), "'queue' requires 'wait'"],
    ['usage without a path', `${UPSTREAM}\nusage: ¦{ models: [a] }`, "'usage' requires 'path'"],
    ['usage with a method', `${UPSTREAM}\nusage: ¦GET /v1/usage`, "'usage' must be one path without method"],
    ['usage with a parameter', `${UPSTREAM}\nusage: { path: ¦/v1/:usage }`, "'usage' must be one path"],
    ['usage of every path', `${UPSTREAM}\nusage: ¦/v1/*`, "'usage' must be one path"],
    ['usage at a query', `${UPSTREAM}\nusage: /v1¦?usage`, 'a route path cannot contain a query'],
    [
      'an unknown key of usage',
      `${UPSTREAM}\nusage: { path: /v1/usage, ¦model: a }`,
      "unknown key 'model'; did you mean 'models'?",
    ],
    [
      'a route at the path of usage',
      `${UPSTREAM}\nusage: { path: ¦/v1/usage }\nroutes: [{ match: GET /V1/Usage }, { match: /v1/* }]`,
      "the route GET /V1/Usage is never reached, since 'usage' answers all requests to /v1/usage",
    ],
    [
      'a limit that is neither visible nor not',
      limit('{ limit: 10/minute, visible: ¦maybe }'),
      "'visible' must be true or false",
    ],
    [
      'a penalty and a wait',
      limit('{ limit: 10/minute, penalty: ¦1m, wait: 5s }'),
      "a rule cannot have both 'penalty' and 'wait'",
    ],
    [
      'the growth of a penalty without a maximum',
      limit('{ limit: 10/minute, penalty: 1m, penalty_growth: ¦2 }'),
      "'penalty_growth' requires 'penalty_max', the longest penalty, such as penalty_max: '1d'",
    ],
    [
      'the maximum of a penalty without growth',
      limit('{ limit: 10/minute, penalty: 1m, penalty_max: ¦1d }'),
      "'penalty_max' requires 'penalty_growth'",
    ],
    [
      'a maximum below the first penalty',
      limit('{ limit: 10/minute, penalty: 1h, penalty_growth: 2, penalty_max: ¦1m }'),
      "'penalty_max' must be at least as long as 'penalty': 1 minute is shorter than 1 hour",
    ],
    [
      'a penalty that shrinks',
      limit('{ limit: 10/minute, penalty: 1h, penalty_growth: ¦0.5, penalty_max: 1d }'),
      'a number greater than 1 and at most 100',
    ],
    [
      'a penalty of eleven years',
      limit('{ limit: 10/minute, penalty: ¦11 years }'),
      "'penalty' must be between 1 ms and ten years",
    ],
    [
      'thresholds of a token bucket',
      limit('{ limit: 10/minute, warn: ¦[80%, 95%] }'),
      "'warn' requires a fixed window, in which use starts again at a known time, but this limit uses the algorithm token-bucket; write 'algorithm: fixed-window' beside it",
    ],
    [
      'thresholds of a limit that is computed',
      limit("{ limit: \"tier == 'gold' ? '9/s' : '1/s'\", warn: ¦80% }").replace('tier', 'client.tier'),
      "'warn' requires a fixed window",
    ],
    [
      'a threshold above the limit',
      limit('{ limit: 10/minute, algorithm: fixed-window, warn: ¦[80%, 120%] }'),
      "at most 100%, or at most 1000% with 'soft', not '120%'",
    ],
    [
      'a soft limit that waits',
      limit('{ limit: 10/minute, soft: ¦true, wait: 5s }'),
      "a soft limit never refuses, so it cannot have 'wait'; remove one",
    ],
    [
      'webhooks that are no list',
      `${UPSTREAM}\nwebhooks: ¦https://a.example`,
      "'webhooks' must be a list of webhooks",
    ],
    [
      'a webhook without a secret',
      `${UPSTREAM}\nwebhooks: [¦{ url: https://a.example }]`,
      "a webhook requires 'secret'",
    ],
    [
      'a short secret',
      `${UPSTREAM}\nwebhooks: [{ url: https://a.example, secret: ¦hunter2 }]`,
      "'secret' must be a string of 16 to 256 characters that the receiver knows",
    ],
    ...[
      ['a webhook over FTP', 'ftp://a.example', "'url' must begin with https: or http:"],
      [
        'a webhook without a scheme',
        'a.example',
        "'url' must be a URL; write, for example, https://hooks.example/sluice",
      ],
      [
        'a webhook with a password',
        'https://a:b@c.example',
        "'url' must not contain a user name or password",
      ],
      ['a webhook with a fragment', 'https://a.example/#b', "'url' must not contain a fragment"],
    ].map(([title = '', url, message = '']): [string, string, string] => [
      title,
      `${UPSTREAM}\nwebhooks: [{ url: ¦${url}, secret: 0123456789abcdef }]`,
      message,
    ]),
    [
      'a webhook that is listed twice',
      `${UPSTREAM}\nwebhooks: [{ url: https://a.example, secret: 0123456789abcdef }, ¦{ url: https://a.example, secret: 0123456789abcdef }]`,
      'another webhook has the same URL; remove one',
    ],
    [
      'a webhook with a timeout of an hour',
      `${UPSTREAM}\nwebhooks: [{ url: https://a.example, secret: 0123456789abcdef, timeout: ¦1h }]`,
      "the 'timeout' of a webhook must be at most 1 minute; write a shorter one",
    ],
    ...['lease: ¦5s'].map((option): [string, string, string] => [
      `'${option.replace('¦', '')}' next to 'limit'`,
      limit(`{ limit: 10/minute, ${option} }`),
      `'${option.split(':')[0]}' applies only to an entry with 'concurrent'; move it to one, or remove it`,
    ]),
    ...[
      'of: ¦rows',
      'algorithm: ¦fixed-window',
      'align: ¦calendar',
      'time_zone: ¦UTC',
      'penalty: ¦1m',
      'penalty_growth: ¦2',
      'penalty_max: ¦1d',
      'warn: ¦80%',
      'soft: ¦true',
    ].map((option): [string, string, string] => [
      `'${option.replace('¦', '')}' next to 'concurrent'`,
      limit(`{ concurrent: 4, ${option} }`),
      `'${option.split(':')[0]}' applies only to an entry with 'limit'; move it to one, or remove it`,
    ]),
    ...['fair: ¦client', 'weights: ¦{ premium: 4 }'].map((option): [string, string, string] => [
      `'${option.replace('¦', '')}' next to 'limit'`,
      limit(`{ limit: 10/minute, ${option} }`),
      `'${option.split(':')[0]}' applies only to an entry with 'concurrent'`,
    ]),
    [
      'a fair limit for which no request waits',
      limit('{ concurrent: 4, fair: ¦client }'),
      "'fair' requires 'wait', such as wait: '10s'",
    ],
    [
      'weights of a limit that is not fair',
      limit('{ concurrent: 4, wait: 10s, weights: ¦{ premium: 4 } }'),
      "'weights' requires 'fair', such as fair: 'client'",
    ],
    [
      'a weight of 0',
      limit('{ concurrent: 4, wait: 10s, fair: client, weights: { premium: ¦0 } }'),
      'a number, more than zero and at most a million',
    ],
    [
      'an unknown algorithm',
      limit('{ limit: 10/minute, algorithm: ¦leaky }'),
      "'algorithm' must be one of token-bucket",
    ],
    [
      'an unknown default algorithm',
      `upstream: http://127.0.0.1:9000\nalgorithm: ¦leaky\ndefault: { limits: [10/minute] }`,
      "'algorithm' must be one of token-bucket",
    ],
    [
      'a burst under a default algorithm without bursts',
      `upstream: http://127.0.0.1:9000\nalgorithm: fixed-window\ndefault: { limits: [10/minute ¦burst 20] }`,
      "'burst' requires the algorithm token-bucket, not fixed-window",
    ],
    [
      'a calendar with an algorithm without calendar windows',
      `upstream: http://127.0.0.1:9000\nlimits: [{ limit: 1/day, algorithm: sliding-log, align: ¦calendar }]`,
      "'align' and 'time_zone' require a fixed window",
    ],
    [
      'a burst for a fixed window',
      limit('{ limit: 10/minute ¦burst 20, algorithm: fixed-window }'),
      "'burst' requires the algorithm token-bucket",
    ],
    [
      'a period that is not a calendar period',
      limit('{ limit: ¦10/5m, algorithm: fixed-window, align: calendar }'),
      'a calendar window must be one hour',
    ],
    [
      'a token bucket aligned to the calendar',
      limit('{ limit: 10/day, algorithm: token-bucket, align: ¦calendar }'),
      "'align' and 'time_zone' require a fixed window",
    ],
    [
      'a time zone without a calendar window',
      limit('{ limit: 10/day, algorithm: fixed-window, time_zone: ¦UTC }'),
      "'time_zone' requires calendar windows; write align: calendar",
    ],
    [
      'an unknown time zone',
      limit('{ limit: 10/day, algorithm: fixed-window, align: calendar, time_zone: ¦Berlin }'),
      "'time_zone' must be an IANA time zone such as 'Europe/Berlin', not 'Berlin'",
    ],
    ['a concurrency of 0', limit('{ concurrent: ¦0 }'), "'concurrent' must be a whole number of at least 1"],
    [
      'a lease that is too short',
      limit('{ concurrent: 4, lease: ¦0.5ms }'),
      "'lease' must be between 1 ms and ten years",
    ],
    ['a reserved resource name', limit('{ limit: 10/minute, of: ¦concurrent }'), 'such as { concurrent: 4 }'],
    ['a name that is a number', limit('{ limit: 10/minute, name: ¦7 }'), 'in quotes if it is a number'],
    [
      'a duplicate name',
      limit('{ limit: 1/s, name: a }, { limit: 2/s, name: ¦a }'),
      "two rules are called 'a'",
    ],
    [
      'a string instead of a boolean',
      limit('{ limit: 10/minute, enforce: ¦no }'),
      "'enforce' must be true or false, not 'no'",
    ],
    ['a negative cost', limit('{ limit: 10/minute, cost: ¦-1 }'), "'cost' must be a number, zero or more"],
    ['an infinite cost', limit('{ limit: 10/minute, cost: ¦.inf }'), "'cost' must be a number, zero or more"],
    [
      'a cost above the limit',
      limit('{ limit: 10/minute, cost: ¦11 }'),
      'each costs 11, but the capacity of the limit is 10',
    ],
    [
      'a fractional cost for a sliding log',
      limit('{ limit: 10/minute, algorithm: sliding-log, cost: ¦1.5 }'),
      'a sliding-log limit counts whole units',
    ],
    [
      'a fractional cost for a concurrency limit',
      limit('{ concurrent: 10, cost: ¦1.5 }'),
      'a concurrency limit counts whole units',
    ],
    [
      'a misspelled key name',
      limit('{ limit: 10/minute, by: ¦cleint }'),
      "unknown key 'cleint'; did you mean 'client'?",
    ],
    [
      'a number in a list of keys',
      limit('{ limit: 10/minute, by: [ip, ¦5] }'),
      "an entry of 'by' must be ip, client",
    ],
    ['an empty list of keys', limit('{ limit: 10/minute, by: ¦[] }'), 'a list of keys must have 1 to 8'],
    [
      'an invalid header name',
      limit('{ limit: 10/minute, by: "header:¦x y" }'),
      "write a header key as 'header:x-tenant'",
    ],
    [
      'an invalid cookie name',
      limit('{ limit: 10/minute, by: "cookie:¦x y" }'),
      "write a cookie key as 'cookie:session'",
    ],
    [
      'a misspelled variable',
      limit('{ limit: 10/minute, cost: "1 + size(¦bdy.a)" }'),
      "unknown variable 'bdy'; did you mean 'body'?",
    ],
    [
      'a misspelled parameter',
      limit('{ limit: 10/minute, by: params.¦modl }'),
      "no parameter ':modl'; did you mean 'model'?",
    ],
    [
      'a string as a cost',
      limit('{ limit: 10/minute, cost: ¦params.model }'),
      'the expression must return a number, but returns a string',
    ],
    [
      'an incomplete expression',
      limit("{ limit: 10/minute, cost: 'size(body.a¦' }"),
      'the expression is incomplete',
    ],
    [
      'an invalid expression on two lines',
      limit('{ limit: 10/minute, cost: ¦"size(body.a)\n  + bdy" }'),
      "unknown variable 'bdy'",
    ],
  ])('points at the problem: %s', (_name, marked, message) => {
    const at = marked.indexOf('¦')
    const before = marked.slice(0, at).split('\n')
    const problems = problemsOf(marked.replace('¦', ''))
    const [first] = problems
    expect(problems.map((problem) => problem.message)).toHaveLength(1)
    expect(first?.message).toContain(message)
    expect([first?.line, first?.column]).toEqual([before.length, (before.at(-1)?.length ?? 0) + 1])
  })
})

describe('the message about a problem', () => {
  const route = (entry: string) => `routes:\n  - match: POST /models/:model\n    ${entry}\n${UPSTREAM}`
  const cost = (expression: string) => limit(`{ limit: 10/minute, cost: ${JSON.stringify(expression)} }`)
  const requires = (expression: string) => route(`require: ${JSON.stringify(expression)}`)

  it.each<[string, string, string]>([
    // YAML
    ['a list at the top level', '- a', "not a list; write at least 'upstream: http://127.0.0.1:9000'"],
    [
      'a duplicate key',
      `${UPSTREAM}\nadmin: off\nadmin: off`,
      "duplicate key 'admin', first on line 2; keep one of them",
    ],
    [
      'a duplicate key on the same line',
      `${UPSTREAM}\nlog: { refusals: true, refusals: true }`,
      'first on line 2; keep one of them',
    ],
    ['an unclosed bracket', `${UPSTREAM}\nroutes: [`, 'or close the bracket with ] or }'],
    ['an unclosed double quote', `${UPSTREAM}\nlisten: "a`, 'a string that begins with " must end with "'],
    ['an unclosed single quote', `${UPSTREAM}\nlisten: 'a`, "a string that begins with ' must end with '"],
    ['a key without a colon', `${UPSTREAM}\nlisten 8080`, 'write a key as in listen: 8080'],
    [
      'an entry with the wrong indentation',
      'routes:\n  - match: /a\n   limits: [1/s]',
      'indent all entries equally',
    ],
    ['a key that is indented too far', `${UPSTREAM}\n  listen: 8080`, 'or indent the line below less'],
    ['a surplus bracket', `${UPSTREAM}\nlog: { refusals: true }}`, 'remove a surplus bracket or comma'],
    ['a missing comma in a list', `${UPSTREAM}\nlimits: ["1/s" "2/s"]`, 'write [a, b] or { a: 1, b: 2 }'],
    [
      'a missing comma in a map',
      `${UPSTREAM}\nlog: { refusals: true clients: plain }`,
      'a comma or a closing bracket is missing',
    ],
    ['an unquoted @', `${UPSTREAM}\nlisten: @a`, 'as in "@name"'],
    ['an unquoted %', `${UPSTREAM}\n%foo`, 'as in "%name"'],
    ['an invalid escape', `${UPSTREAM}\nlisten: "\\q"`, 'or use single quotes'],
    ['an unquoted *', `${UPSTREAM}\nlisten: *a`, 'a string that begins with * needs quotes'],
    ['an unknown tag', `${UPSTREAM}\nadmin: !port 8081`, 'remove it, since a configuration needs no tags'],
    // Incomplete expressions
    ['a call that is not closed', cost('size(body.a'), "is incomplete; add ')' for the '(' at character 5"],
    [
      'a list that is not closed',
      requires("client.tier in ['a', '('"),
      "add ']' for the '[' at character 16",
    ],
    ['a missing member', cost('size(body.'), "add a name after '.', and add ')' for the '(' at character 5"],
    ['a missing operand', cost('body.n +'), "add a value after '+'"],
    ['a comparison without a right side', requires('client.tier == '), "add a value after '=='"],
    ['a condition without an alternative', cost("params.model == 'a' ? 10"), "add ':' and the other value"],
    ['an empty cost', cost(''), 'write, for example, size(body.instances)'],
    ['an empty key', limit("{ limit: 10/minute, by: '' }"), 'write, for example, client.id'],
    ['a blank requirement', requires(' '), "write, for example, client.tier == 'premium'"],
    // Operators of other languages
    ["'='", requires("client.tier = 'premium'"), "unexpected character '='; write == to compare"],
    ["'and'", requires("ip == '::1' and true"), "unexpected word 'and'; write && for a logical and"],
    ["'or'", requires("ip == '::1' or true"), 'write || for a logical or'],
    ["'not'", requires('not true'), 'write ! for a logical not'],
    ['an unquoted string', requires('client.tier == premium'), "a string needs quotes: 'premium'"],
    ['an unclosed string', requires("client.tier == 'premium"), "unterminated string; close it with '"],
    ['a surplus bracket in an expression', cost('size(body.a))'), "unexpected character ')'; remove it"],
    [
      'two values without an operator',
      cost('1 2'),
      'write an operator such as +, == or && between two values',
    ],
    ["'if'", cost('if body.a then 1 else 2'), 'write a condition as body.n > 10 ? 2 : 1'],
    ['a reserved word of CEL', cost('body.in'), "write a member of that name as body['in']"],
    // Type errors
    [
      'a sum of a string and a number',
      cost("'a' + 1"),
      'convert one of them with string(...), int(...) or double(...)',
    ],
    [
      'a number as a condition',
      cost('1 ? 2 : 3'),
      'write a comparison before the ?, as in size(body.list) > 10 ? 2 : 1',
    ],
    ['a size of a number', cost('size(1)'), 'use it as in size(body.list)'],
    ['a member of a string', cost('size(ip.a)'), 'only lists and maps have members'],
    [
      'a number as a requirement',
      requires('1'),
      "the expression must return true or false, but returns an int; write, for example, client.tier == 'premium'",
    ],
    [
      'an unknown member of a client',
      requires("client.tire == 'a'"),
      "a client has no member 'tire'; did you mean 'tier'?",
    ],
    // Settings
    ['an upstream that is a number', 'upstream: 5', 'write, for example, http://127.0.0.1:9000'],
    [
      'a boolean instead of an expression',
      route('require: true'),
      'write, for example, "client.tier == \'premium\'"',
    ],
    ['a match that is a number', `${UPSTREAM}\nroutes: [{ match: 5 }]`, 'write, for example, POST /predict'],
    [
      'a JWKS that is not a URL',
      `${UPSTREAM}\nidentity: { jwt: { jwks: keys, audience: a } }`,
      'write, for example, https://login.example/jwks.json',
    ],
    [
      'proxy headers with only a tier',
      `${UPSTREAM}\nidentity: { trusted_proxies: ["::1"], proxy_headers: { tier: X } }`,
      'as in { client: X-Client-Id }',
    ],
    ['an admin port that is the listen port', `${UPSTREAM}\nlisten: 8081`, 'change one of them'],
    [
      'refuse_with without require',
      route('refuse_with: { status: 403 }'),
      "add 'require', or remove 'refuse_with'",
    ],
    [
      'a header without a name',
      limit('{ limit: 10/minute, by: header }'),
      "write a header key as 'header:x-tenant'",
    ],
    ['a cookie without a name', limit('{ limit: 10/minute, by: cookie }'), "write a cookie key as 'cookie:"],
    [
      'a duplicate name of a limit',
      limit('{ limit: 1/s, name: a }, { limit: 2/s, name: a }'),
      "give each its own 'name'",
    ],
    [
      'a number that is too large',
      limit('10000000000000000000/minute'),
      'not a whole number below 2^53; for less than one',
    ],
    ['a cost above the limit', limit('{ limit: 10/minute, cost: 11 }'), 'lower the cost, or raise the limit'],
    ['a space in a path', `${UPSTREAM}\nroutes: [{ match: "/a b" }]`, 'a parameter such as :name matches'],
  ])('says what to write instead of %s', (_name, text, advice) => {
    const problems = problemsOf(text)
    expect(problems).toHaveLength(1)
    expect(problems[0]?.message).toContain(advice)
  })

  it.each([
    ['{ limit: 10/minute, tiers: ¦{ gold: 0 } }', 'greater than 0'],
    ['{ concurrent: 4, tiers: ¦{ gold: 1/s } }', 'a multiplier such as 2'],
    ['{ limit: 10/minute; 5/s, tiers: ¦{ gold: 100/minute } }', 'write a rule for each'],
  ])('points at the tiers for an invalid limit of a tier: %s', (marked, message) => {
    const [problem] = problemsOf(limit(marked.replace('¦', '')))
    expect(problem).toMatchObject({ line: 2, column: marked.indexOf('¦') + 1 })
    expect(problem?.message).toContain(message)
  })
})

describe('the error for several problems', () => {
  it('lists all problems in the order of the file', () => {
    const problems = problemsOf(`routes:
  - match: POST predict
    limits: [10/parsec, { limit: 10/minute, by: [bdy.a, cleint], cost: 20 }]
  - limts: []
lisen: 8080
${UPSTREAM}
max_body: big
`)
    expect(problems.map(({ line, column }) => `${line}:${column}`)).toEqual([
      ...['2:17', '3:17', '3:50', '3:57', '3:72', '4:5', '4:5', '5:1', '7:11'],
    ])
  })

  it('has one line for each problem', () => {
    const message = (() => {
      try {
        return parseConfig('admin: x\nlisen: y', 'conf/g.yaml')
      } catch (error) {
        return (error as Error).message
      }
    })()
    expect(
      String(message)
        .split('\n')
        .map((line) => line.slice(0, 24)),
    ).toEqual(["conf/g.yaml:1:1: 'upstre", "conf/g.yaml:1:8: 'x' is ", 'conf/g.yaml:2:1: unknown'])
  })

  it('lists the problem of an anchor once if aliases repeat it', () => {
    const text = `routes: [{ match: /a, limits: &x [10/parsec] }, { match: /b, limits: *x }, { match: /c, limits: *x }]\n`
    expect(problemsOf(text + UPSTREAM)).toHaveLength(1)
  })

  it('lists at most 100 problems', () => {
    expect(problemsOf(Array.from({ length: 500 }, (_, index) => `k${index}: 1`).join('\n'))).toHaveLength(100)
  })
})

describe('parseConfig', () => {
  it('rejects nested aliases that expand to too many values', () => {
    const levels = Array.from(
      { length: 9 },
      (_, n) => `a${n}: &a${n} [${n === 0 ? 'x' : `*a${n - 1}, `.repeat(10)}]`,
    )
    const [first] = problemsOf(levels.join('\n')).filter(({ message }) => message.includes('50000 values'))
    expect(first).toBeDefined()
  })

  it('rejects an alias that refers to itself', () => {
    expect(
      problemsOf('a: &a [*a]')
        .map(({ message }) => message)
        .join(),
    ).toContain('nested more than 16 levels deep')
  })

  it.each([
    ['nested lists', '['.repeat(100_000)],
    // Without a check, composing this would overflow the stack.
    ['nested lists on one line', '- '.repeat(2 ** 19)],
    ['nested maps', Array.from({ length: 300 }, (_, n) => `${' '.repeat(n)}a:\n`).join('')],
    ['closing brackets', '}'.repeat(2 ** 20)],
    ['many unknown keys', Array.from({ length: 50_000 }, (_, index) => `k${index}: 1`).join('\n')],
    ['one long line', 'a'.repeat(2 ** 20)],
    ['more than 1 MiB', `# ${'a'.repeat(2 ** 20)}`],
  ])('rejects, without exhausting resources, a file of %s', (_name, text) => {
    expect(problemsOf(text).length).toBeGreaterThan(0)
  })
})

describe('loadConfig', () => {
  let folder = ''
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'sluice-config-'))
  })
  afterAll(() => rmSync(folder, { recursive: true }))

  const writeTo = (name: string, bytes: string | Buffer) => {
    writeFileSync(join(folder, name), bytes)
    return join(folder, name)
  }

  it('reads a valid file', async () => {
    await expect(loadConfig(writeTo('good.yaml', UPSTREAM))).resolves.toMatchObject({
      upstream: 'http://127.0.0.1:9000',
    })
  })

  it.each<[string, () => string, string]>([
    ['a missing file', () => join(folder, 'none.yaml'), 'the file does not exist'],
    ['a directory', () => folder, 'the path is a directory'],
    ['a file that is too large', () => writeTo('large.yaml', '#'.repeat(2 ** 20 + 1)), 'larger than 1 MiB'],
    ['a file that is not UTF-8', () => writeTo('latin.yaml', Buffer.from([0x61, 0xe4])), 'not UTF-8'],
    ['an invalid file', () => writeTo('wrong.yaml', 'admin: off'), "'upstream' is missing"],
  ])('names the file in the error for %s', async (_name, file, message) => {
    const path = file()
    const error = await loadConfig(path).catch((failure: unknown) => failure)
    expect(error).toBeInstanceOf(ConfigError)
    expect((error as ConfigError).message).toContain(`${path}:1:1: `)
    expect((error as ConfigError).message).toContain(message)
  })
})
