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
  throw new Error(`it was taken:\n${text}`)
}

/** What is wrong with a limit: one that stands in line 1 and begins in column 0. */
const limit = (words: string) =>
  `{ routes: [{ match: /models/:model, limits: [\n${words}\n] }], ${UPSTREAM} }`

/** Each has one problem, whose place is marked with `¦`. */
describe('one problem, in its place', () => {
  it.each<[string, string, string]>([
    // The file as such
    ['an empty file', '¦', 'the file is empty'],
    ['comments only', '¦# nothing\n', 'the file is empty'],
    ['a list', '¦- a', 'the file must be a map of settings, not a list'],
    ['a text', '¦hello', "the file must be a map of settings, not 'hello'"],
    ['a tab', `${UPSTREAM}\ntimeouts:\n¦\tidle: 5s`, 'the line is indented with a tab'],
    ['two documents', `${UPSTREAM}\n¦---\nlisten: 8080`, 'a second document begins here'],
    ['a key twice', `${UPSTREAM}\nadmin: off\n¦admin: off`, "duplicate key 'admin'"],
    ['an open bracket', `${UPSTREAM}\nroutes: [¦`, 'a bracket above is not closed'],
    ['an unknown tag', `${UPSTREAM}\nadmin: ¦!port 8081`, 'an unknown tag (!...)'],
    ['binary data', `${UPSTREAM}\nadmin: !!binary ¦aGk=`, 'use only maps, lists, strings, numbers'],
    ['no word as a key', `${UPSTREAM}\n¦1: 2`, 'keys must be strings'],
    ['an alias of nothing', `${UPSTREAM}\nidentity: ¦*nobody`, "no anchor '&nobody'"],
    ['a zero byte', `${UPSTREAM} ¦\0`, 'a zero byte'],
    // Settings
    ['no upstream', '¦listen: 8080', "'upstream' is missing"],
    ['no URL', 'upstream: ¦127.0.0.1:9000', "'upstream' must be a URL"],
    ['no http', 'upstream: ¦ftp://a', 'must begin with http: or https:, not ftp:'],
    ['an empty value', 'upstream:¦', "'upstream' must be a string, but it is empty"],
    ['a key with a typo', `${UPSTREAM}\n¦lisen: 8080`, "unknown key 'lisen'; did you mean 'listen'?"],
    ['a key of code', `${UPSTREAM}\n¦maxBody: 1MiB`, "did you mean 'max_body'?"],
    [
      'a key of nothing',
      `${UPSTREAM}\n¦colour: red`,
      "unknown key 'colour'; expected one of listen, workers, admin",
    ],
    [
      'headers of proxies that nobody trusts',
      `${UPSTREAM}\nidentity: { proxy_headers: ¦{ client: X-Client } }`,
      "'proxy_headers' requires 'trusted_proxies'",
    ],
    [
      'headers of proxies without a client',
      `${UPSTREAM}\nidentity: { trusted_proxies: [10.0.0.1], proxy_headers: ¦{ tier: X-Tier } }`,
      "'proxy_headers' requires 'client'",
    ],
    [
      'tokens for anybody',
      `${UPSTREAM}\nidentity: { jwt: ¦{ jwks: https://a.example/jwks.json } }`,
      "'jwt' requires 'audience'",
    ],
    [
      'unsigned tokens',
      `${UPSTREAM}\nidentity: { jwt: ¦{ jwks: https://a.example/j, audience: a, algorithms: [none] } }`,
      "'algorithms' are some of",
    ],
    ['no multiplier', `${UPSTREAM}\ntiers: { free: ¦0 }`, 'more than zero'],
    ['a misspelled unlimited', `${UPSTREAM}\ntiers: { free: ¦Unlimited }`, 'or unlimited'],
    ['tiers in a list', `${UPSTREAM}\ntiers: ¦[free]`, 'a map such as { free: 1, premium: 5 }'],
    [
      'a requirement that is no yes or no',
      `${UPSTREAM}\nroutes: [{ match: /a, require: ¦client.tier }]`,
      'the expression must return true or false',
    ],
    [
      'a requirement with a typo',
      `${UPSTREAM}\nroutes: [{ match: /a, require: "¦clinet.tier == 'a'" }]`,
      "did you mean 'client'",
    ],
    [
      'an answer to no requirement',
      `${UPSTREAM}\nroutes: [¦{ match: /a, refuse_with: { status: 403 } }]`,
      "'refuse_with' requires 'require'",
    ],
    [
      'a refusal that is none',
      `${UPSTREAM}\nroutes: [{ match: /a, require: 'true', refuse_with: { status: ¦200 } }]`,
      'a whole number from 400 to 499',
    ],
    [
      'a warm-up without its length',
      `${UPSTREAM}\nroutes: [{ match: /a, warm_up: ¦{ ready: http://a/healthz, from: 0.2 } }]`,
      "'warm_up' requires 'over'",
    ],
    [
      'a warm-up from nothing',
      `${UPSTREAM}\nroutes: [{ match: /a, warm_up: { ready: http://a/healthz, from: ¦0, over: 60s } }]`,
      'more than 0 and at most 1',
    ],
    [
      'a warm-up that asks nobody',
      `${UPSTREAM}\nroutes: [{ match: /a, warm_up: { ready: ¦healthz, from: 0.2, over: 60s } }]`,
      "'ready' must be an HTTP URL",
    ],
    [
      'a warm-up that asks with a password',
      `${UPSTREAM}\nroutes: [{ match: /a, warm_up: { ready: ¦http://me:secret@a/healthz, from: 0.2, over: 60s } }]`,
      'must not contain a user name or password',
    ],
    [
      'a line in front of a limit over time',
      `${UPSTREAM}\nroutes: [{ match: /a, limits: [{ limit: 1/s, wait: ¦2s }] }]`,
      "'wait' requires 'concurrent'",
    ],
    [
      'a line of nobody',
      `${UPSTREAM}\nroutes: [{ match: /a, limits: [{ concurrent: 1, wait: 2s, queue: ¦0 }] }]`,
      'a whole number from 1 to 10000',
    ],
    [
      'a tier with a wrong limit',
      `${UPSTREAM}\nroutes: [{ match: /a, limits: [{ limit: 1/s, tiers: { gold: ¦much } }] }]`,
      'much',
    ],
    [
      'no network',
      `${UPSTREAM}\nidentity: { trusted_proxies: [::1, ¦10.0.0.0/33] }`,
      "'10.0.0.0/33' is no address or network",
    ],
    [
      'no prefix',
      `${UPSTREAM}\nidentity: { ipv6_subnet: ¦129 }`,
      "'ipv6_subnet' must be a whole number from 1 to 128, not 129",
    ],
    [
      'no port',
      `${UPSTREAM}\nlisten: ¦127.0.0.1:80800`,
      'a port must be a number from 0 to 65535, not 80800',
    ],
    ['no address', `${UPSTREAM}\nlisten: ¦http://localhost:80`, 'is not a listen address'],
    [
      'one port for two',
      `${UPSTREAM}\nlisten: :8081\nadmin: ¦8081`,
      "'listen' and 'admin' are both on port 8081",
    ],
    ['no size', `${UPSTREAM}\nmax_body: ¦1 mebi`, "'1 mebi' is not a size in whole bytes"],
    ['too large a size', `${UPSTREAM}\nmax_body: ¦1GiB`, 'from 1 byte to 256MiB'],
    ['a time without a unit', `${UPSTREAM}\ntimeouts: { idle: ¦5 }`, 'a duration with a unit, such as 5s'],
    ['no unit of time', `${UPSTREAM}\ntimeouts: { idle: ¦5 parsecs }`, "'5 parsecs' is no length of time"],
    ['too long a time', `${UPSTREAM}\ntimeouts: { idle: ¦25 days }`, 'at most 24 days'],
    [
      'a log that names clients otherwise',
      `${UPSTREAM}\nlog: { clients: ¦rot13 }`,
      'one of plain, masked, hashed',
    ],
    ['a log that is no map', `${UPSTREAM}\nlog: ¦off`, 'a map such as { refusals: true, clients: hashed }'],
    ['an admin port for everybody', `${UPSTREAM}\nadmin: ¦:8081`, "requires 'token_sha256'"],
    [
      'a token in clear',
      `${UPSTREAM}\nadmin: { listen: :8081, token_sha256: ¦hunter2 }`,
      "'token_sha256' must be the SHA-256 of a token",
    ],
    [
      'names of an admin port that needs no token',
      `${UPSTREAM}\nadmin: { names: ¦[sluice.example] }`,
      "clients of a proxy and requires 'token_sha256'",
    ],
    [
      'a name of an admin port with its port',
      `${UPSTREAM}\nadmin: { names: [¦"sluice.example:443"], token_sha256: ${'5ec2e7'.padEnd(64, '0')} }`,
      'a host name without a port, such as sluice.example',
    ],
    [
      'credentials to keep where there are none',
      `${UPSTREAM}\nidentity: { forward_credentials: ¦false }`,
      "'forward_credentials' requires 'api_keys' or 'jwt'",
    ],
    [
      'headers of keys where there are none',
      `${UPSTREAM}\nidentity: { api_key_headers: ¦[x-goog-api-key] }`,
      "'api_key_headers' requires 'api_keys'",
    ],
    [
      'a header of keys that has a meaning of its own',
      `${UPSTREAM}\nidentity: { api_keys: k.yaml, api_key_headers: [api-key, ¦Authorization] }`,
      "'authorization' is reserved; choose another header",
    ],
    [
      'a header of keys with an underscore',
      `${UPSTREAM}\nidentity: { api_keys: k.yaml, api_key_headers: [¦api_key] }`,
      'the name of a header such as',
    ],
    [
      'an identity to forward that nothing says',
      `${UPSTREAM}\nidentity: { forward: ¦{ client: X-Client-Id } }`,
      "'forward' requires identified clients",
    ],
    [
      'an identity to forward in no header',
      `${UPSTREAM}\nidentity: { api_keys: k.yaml, forward: ¦{} }`,
      "'forward' requires 'client', 'tier' or both",
    ],
    [
      'an identity to forward in one header',
      `${UPSTREAM}\nidentity: { api_keys: k.yaml, forward: ¦{ client: X-Id, tier: x-id } }`,
      "'client' and 'tier' of 'forward' are the same header",
    ],
    ...['Host', 'X-Forwarded-For', 'Content-Type', 'Via', 'Connection', 'Cookie', 'X-Original-URL'].map(
      (name): [string, string, string] => [
        `an identity to forward in ${name}`,
        `${UPSTREAM}\nidentity: { api_keys: k.yaml, forward: { client: ¦${name} } }`,
        `'${name.toLowerCase()}' is reserved; choose another header, such as X-Client-Id`,
      ],
    ),
    ['no default', `${UPSTREAM}\ndefault: ¦allow`, "'default' must be 'deny', or a map"],
    // Routes
    ['routes as a map', `${UPSTREAM}\nroutes: ¦{ match: /a }`, "'routes' must be a list of routes"],
    ['a route without a match', `${UPSTREAM}\nroutes:\n  - ¦limits: [1/s]`, "a route requires 'match'"],
    [
      'a digest that anybody can guess',
      `${UPSTREAM}\nadmin: { listen: :8081, token_sha256: ¦6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b }`,
      'easy to guess',
    ],
    ['a typo in a route', `${UPSTREAM}\nroutes:\n  - match: /a\n    ¦limts: [1/s]`, "did you mean 'limits'?"],
    [
      'an API that the path does not tell',
      `${UPSTREAM}\nroutes: [{ match: /a, llm: ¦openai }]`,
      'write one of openai-chat, openai-completions',
    ],
    ['an unknown API', `${UPSTREAM}\nroutes: [{ match: /a, llm: ¦mistral }]`, "'llm' must be one of openai"],
    [
      'an API without a shape',
      `${UPSTREAM}\nroutes: [{ match: /a, llm: ¦{ default_output: 5 } }]`,
      "'llm' requires 'shape'",
    ],
    [
      'a shape of pointers without input',
      `${UPSTREAM}\nroutes: [{ match: /a, llm: { shape: ¦{ text: /text } } }]`,
      'a custom shape says where the input is',
    ],
    [
      'a pointer that is none',
      `${UPSTREAM}\nroutes: [{ match: /a, llm: { shape: ¦{ input: prompt } } }]`,
      'prompt',
    ],
    [
      'an unknown tokenizer',
      `${UPSTREAM}\nroutes: [{ match: /a, llm: { shape: openai-chat, tokenizer: ¦gpt9 } }]`,
      'one of o200k_base',
    ],
    [
      'a line before the limits of all routes',
      `${UPSTREAM}\nlimits: [¦{ concurrent: 5, wait: 1s }]`,
      "cannot have 'wait'",
    ],
    [
      'a limit of all routes with the name of one of a route',
      `${UPSTREAM}\nlimits: [¦{ limit: 5/s, name: a }]\nroutes: [{ match: /a, limits: [{ limit: 1/s, name: a }] }]`,
      "on the route /a: two rules are called 'a'",
    ],
    [
      'tokens without a way to count them',
      `${UPSTREAM}\nroutes: [{ match: /a, limits: [{ limit: 5/s, of: ¦tokens }] }]`,
      "give the route 'llm', or the limit a 'cost'",
    ],
    [
      'tokens with two ways to count them',
      `${UPSTREAM}\nroutes: [{ match: /a, llm: openai-chat, limits: [{ limit: 5/s, of: tokens, cost: ¦3 }] }]`,
      "remove 'cost'",
    ],
    [
      'no list of limits',
      `${UPSTREAM}\nroutes: [{ match: /a, limits: ¦7 }]`,
      "'limits' must be a list of limits",
    ],
    [
      'limits of nothing',
      `${UPSTREAM}\nroutes:\n  - match: /a\n    limits:¦`,
      "'limits' must be a list of limits such as [10/minute], but it is empty",
    ],
    ['a bad pattern', `${UPSTREAM}\nroutes: [{ match: GET /a/¦%20 }]`, 'a percent sign'],
    ['a bad pattern in quotes', `${UPSTREAM}\nroutes: [{ match: 'GET /a/¦:1' }]`, 'a parameter needs a name'],
    [
      'a route that is taken',
      `${UPSTREAM}\nroutes:\n  - match: POST /a/*\n  - match: ¦POST /a/b`,
      "'POST /a/*' in line 3 matches all its requests",
    ],
    [
      'a route twice',
      `${UPSTREAM}\nroutes: [{ match: /a }, { match: ¦/A/ }]`,
      "'/a' in line 2 matches all its requests",
    ],
    // Limits
    ['no unit', limit('10/¦parsec'), "unknown unit 'parsec'"],
    ['no unit in double quotes', limit('"10/¦parsec"'), "unknown unit 'parsec'"],
    ['no unit behind an escape', limit('¦"\\u0031/parsec"'), "unknown unit 'parsec'"],
    ['no second limit', limit("'10/minute; ¦often'"), 'expected a number'],
    ['a number', limit('¦10'), 'must be a limit such as 10/minute, or a map'],
    [
      'no limit',
      limit('¦{ by: ip }'),
      "a limit requires 'limit', such as 10/minute, or 'concurrent', such as 4",
    ],
    ['two limits', limit('{ limit: 10/minute, concurrent: ¦4 }'), "'limit' and 'concurrent' are two limits"],
    ['a lease of a rate', limit('{ limit: 10/minute, lease: ¦5s }'), "'lease' requires 'concurrent'"],
    ['a resource in flight', limit('{ concurrent: 4, of: ¦rows }'), "'of' requires 'limit'"],
    [
      'no algorithm',
      limit('{ limit: 10/minute, algorithm: ¦leaky }'),
      "'algorithm' must be one of token-bucket",
    ],
    [
      'a burst in a window',
      limit('{ limit: 10/minute ¦burst 20, algorithm: fixed-window }'),
      'a burst belongs to a token-bucket',
    ],
    [
      'no unit of the calendar',
      limit('{ limit: ¦10/5m, algorithm: fixed-window, align: calendar }'),
      'a calendar window is one hour',
    ],
    [
      'a calendar bucket',
      limit('{ limit: 10/day, align: ¦calendar }'),
      "'align' and 'time_zone' require a fixed-window",
    ],
    [
      'a zone of no calendar',
      limit('{ limit: 10/day, algorithm: fixed-window, time_zone: ¦UTC }'),
      "'time_zone' requires align: 'calendar'",
    ],
    [
      'no time zone',
      limit('{ limit: 10/day, algorithm: fixed-window, align: calendar, time_zone: ¦Berlin }'),
      "'time_zone' must be an IANA name such as 'Europe/Berlin', not 'Berlin'",
    ],
    ['none in flight', limit('{ concurrent: ¦0 }'), "'concurrent' must be a whole number of at least 1"],
    [
      'too short a lease',
      limit('{ concurrent: 4, lease: ¦0.5ms }'),
      "'lease' must be between 1 ms and ten years",
    ],
    ['a reserved resource', limit('{ limit: 10/minute, of: ¦concurrent }'), 'limited by { concurrent: 4 }'],
    ['a name that is a number', limit('{ limit: 10/minute, name: ¦7 }'), 'in quotes if it is a number'],
    ['a name twice', limit('{ limit: 1/s, name: a }, { limit: 2/s, name: ¦a }'), "two rules are called 'a'"],
    ['no truth', limit('{ limit: 10/minute, enforce: ¦no }'), "'enforce' must be true or false, not 'no'"],
    ['a negative cost', limit('{ limit: 10/minute, cost: ¦-1 }'), "'cost' must be a number, zero or more"],
    ['an infinite cost', limit('{ limit: 10/minute, cost: ¦.inf }'), "'cost' must be a number, zero or more"],
    [
      'a cost that nobody can pay',
      limit('{ limit: 10/minute, cost: ¦11 }'),
      'each costs 11, and the limit holds 10',
    ],
    [
      'a fraction of a window',
      limit('{ limit: 10/minute, algorithm: sliding-log, cost: ¦1.5 }'),
      'the kind sliding-log counts whole units',
    ],
    [
      'a fraction of a slot',
      limit('{ concurrent: 10, cost: ¦1.5 }'),
      'the kind concurrency counts whole units',
    ],
    ['no key', limit('{ limit: 10/minute, by: ¦cleint }'), "unknown key 'cleint'; did you mean 'client'?"],
    ['no key in a list', limit('{ limit: 10/minute, by: [ip, ¦5] }'), "an entry of 'by' must be ip, client"],
    ['a list of no keys', limit('{ limit: 10/minute, by: ¦[] }'), 'a list of keys must have 1 to 8'],
    [
      'no header',
      limit('{ limit: 10/minute, by: "header:¦x y" }'),
      "a header is written as 'header:x-tenant'",
    ],
    [
      'no variable',
      limit('{ limit: 10/minute, cost: "1 + size(¦bdy.a)" }'),
      "unknown variable 'bdy'; did you mean 'body'?",
    ],
    [
      'no parameter',
      limit('{ limit: 10/minute, by: params.¦modl }'),
      "no parameter ':modl'; did you mean 'model'?",
    ],
    [
      'a text as a cost',
      limit('{ limit: 10/minute, cost: ¦params.model }'),
      'the expression must return a number, but returns a string',
    ],
    ['no expression', limit("{ limit: 10/minute, cost: 'size(body.a¦' }"), 'the expression is incomplete'],
    [
      'an expression on two lines',
      limit('{ limit: 10/minute, cost: ¦"size(body.a)\n  + bdy" }'),
      "unknown variable 'bdy'",
    ],
  ])('%s', (_name, marked, message) => {
    const at = marked.indexOf('¦')
    const before = marked.slice(0, at).split('\n')
    const problems = problemsOf(marked.replace('¦', ''))
    const [first] = problems
    expect(problems.map((problem) => problem.message)).toHaveLength(1)
    expect(first?.message).toContain(message)
    expect([first?.line, first?.column]).toEqual([before.length, (before.at(-1)?.length ?? 0) + 1])
  })
})

/** What is wrong, and behind it what would be right. */
describe('what would be right', () => {
  const route = (words: string) => `routes:\n  - match: POST /models/:model\n    ${words}\n${UPSTREAM}`
  const cost = (expression: string) => limit(`{ limit: 10/minute, cost: ${JSON.stringify(expression)} }`)
  const requires = (expression: string) => route(`require: ${JSON.stringify(expression)}`)

  it.each<[string, string, string]>([
    // YAML
    ['a list', '- a', "not a list; it needs at least 'upstream: http://127.0.0.1:9000'"],
    [
      'a key twice',
      `${UPSTREAM}\nadmin: off\nadmin: off`,
      "duplicate key 'admin', first in line 2; keep one of them",
    ],
    [
      'a key twice on a line',
      `${UPSTREAM}\nlog: { refusals: true, refusals: true }`,
      'first in line 2; keep one of them',
    ],
    ['an open bracket', `${UPSTREAM}\nroutes: [`, 'or close the bracket with ] or }'],
    ['an open quote', `${UPSTREAM}\nlisten: "a`, 'a string that begins with " must end with "'],
    ['an open single quote', `${UPSTREAM}\nlisten: 'a`, "a string that begins with ' must end with '"],
    ['a key without a colon', `${UPSTREAM}\nlisten 8080`, 'write a key as in listen: 8080'],
    ['an entry out of line', 'routes:\n  - match: /a\n   limits: [1/s]', 'indent it like its neighbours'],
    ['a key further in', `${UPSTREAM}\n  listen: 8080`, 'or indent the line below less'],
    ['two brackets', `${UPSTREAM}\nlog: { refusals: true }}`, 'remove a surplus bracket or comma'],
    ['no comma in a list', `${UPSTREAM}\nlimits: ["1/s" "2/s"]`, 'write [a, b] or { a: 1, b: 2 }'],
    [
      'no comma in a map',
      `${UPSTREAM}\nlog: { refusals: true clients: plain }`,
      'a comma or a closing bracket is missing',
    ],
    ['a sign', `${UPSTREAM}\nlisten: @a`, 'as in "@name"'],
    ['a percent sign', `${UPSTREAM}\n%foo`, 'as in "%name"'],
    ['an escape', `${UPSTREAM}\nlisten: "\\q"`, 'or use single quotes'],
    ['an alias of nothing', `${UPSTREAM}\nlisten: *a`, 'a string that begins with * needs quotes'],
    ['a tag', `${UPSTREAM}\nadmin: !port 8081`, 'remove it, since a configuration needs no tags'],
    // Expressions that end too early
    ['no end of a call', cost('size(body.a'), "is incomplete; add ')' for the '(' at character 5"],
    ['no end of a list', requires("client.tier in ['a', '('"), "add ']' for the '[' at character 16"],
    ['no member', cost('size(body.'), "add a name after '.', and add ')' for the '(' at character 5"],
    ['no value', cost('body.n +'), "add a value after '+'"],
    ['no other side', requires('client.tier == '), "add a value after '=='"],
    ['no else', cost("params.model == 'a' ? 10"), "add ':' and the other value"],
    ['nothing', cost(''), 'write for example size(body.instances)'],
    ['no key', limit("{ limit: 10/minute, by: '' }"), 'write for example client.id'],
    ['no requirement', requires(' '), "write for example client.tier == 'premium'"],
    // Expressions of another language
    ['=', requires("client.tier = 'premium'"), "unexpected character '='; write == to compare"],
    ['and', requires("ip == '::1' and true"), "unexpected word 'and'; write && for and"],
    ['or', requires("ip == '::1' or true"), 'write || for or'],
    ['not', requires('not true'), 'write ! for not'],
    ['no quotes', requires('client.tier == premium'), "a string needs quotes: 'premium'"],
    ['no end of a text', requires("client.tier == 'premium"), "unterminated string; close it with '"],
    ['a bracket too many', cost('size(body.a))'), "unexpected character ')'; remove it"],
    ['two values', cost('1 2'), 'write an operator such as +, == or && between two values'],
    ['if', cost('if body.a then 1 else 2'), 'write a condition as body.n > 10 ? 2 : 1'],
    ['a word of CEL', cost('body.in'), "write a member of that name as body['in']"],
    // Expressions of types that do not go together
    ['a sum of a text', cost("'a' + 1"), 'convert one of them with string(...), int(...) or double(...)'],
    [
      'no yes or no',
      cost('1 ? 2 : 3'),
      'write a comparison before the ?, as in size(body.list) > 10 ? 2 : 1',
    ],
    ['a size of a number', cost('size(1)'), 'use it as in size(body.list)'],
    ['a member of a text', cost('size(ip.a)'), 'only lists and maps have members'],
    [
      'a number for a requirement',
      requires('1'),
      "the expression must return true or false, but returns an int; write for example client.tier == 'premium'",
    ],
    [
      'a member that no client has',
      requires("client.tire == 'a'"),
      "a client has no member 'tire'; did you mean 'tier'?",
    ],
    // Settings
    ['an upstream that is a number', 'upstream: 5', 'write for example http://127.0.0.1:9000'],
    ['a requirement that is none', route('require: true'), 'write for example "client.tier == \'premium\'"'],
    ['a match that is a number', `${UPSTREAM}\nroutes: [{ match: 5 }]`, 'write for example POST /predict'],
    [
      'no URL of keys',
      `${UPSTREAM}\nidentity: { jwt: { jwks: keys, audience: a } }`,
      'write for example https://login.example/jwks.json',
    ],
    [
      'a header of nobody',
      `${UPSTREAM}\nidentity: { trusted_proxies: ["::1"], proxy_headers: { tier: X } }`,
      'as in { client: X-Client-Id }',
    ],
    [
      'a record of several',
      `${UPSTREAM}\nworkers: 2\nrecord: a.jsonl`,
      "write 'workers: 1', or remove 'record'",
    ],
    ['one port for two', `${UPSTREAM}\nlisten: 8081`, 'change one of them'],
    [
      'a refusal of nothing',
      route('refuse_with: { status: 403 }'),
      "add an expression, or remove 'refuse_with'",
    ],
    ['by a header', limit('{ limit: 10/minute, by: header }'), "written as 'header:x-tenant'"],
    [
      'a name twice',
      limit('{ limit: 1/s, name: a }, { limit: 2/s, name: a }'),
      "give each a 'name' of its own",
    ],
    [
      'a number of many digits',
      limit('10000000000000000000/minute'),
      'no whole number below 2^53; for less than one',
    ],
    [
      'a cost that nobody can pay',
      limit('{ limit: 10/minute, cost: 11 }'),
      'lower the cost, or raise the limit',
    ],
    ['spaces in a path', `${UPSTREAM}\nroutes: [{ match: "/a b" }]`, 'a parameter such as :name takes'],
  ])('%s', (_name, text, right) => {
    const problems = problemsOf(text)
    expect(problems).toHaveLength(1)
    expect(problems[0]?.message).toContain(right)
  })

  it.each([
    ['{ limit: 10/minute, tiers: ¦{ gold: 0 } }', 'more than zero'],
    ['{ concurrent: 4, tiers: ¦{ gold: 1/s } }', 'a multiplier, such as 2'],
    ['{ limit: 10/minute; 5/s, tiers: ¦{ gold: 100/minute } }', 'write a rule for each'],
  ])('of a tier is told where the tiers are: %s', (marked, message) => {
    const [problem] = problemsOf(limit(marked.replace('¦', '')))
    expect(problem).toMatchObject({ line: 2, column: marked.indexOf('¦') + 1 })
    expect(problem?.message).toContain(message)
  })
})

describe('several problems', () => {
  it('are told at once and in their order', () => {
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

  it('make a message with a line for each', () => {
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

  it('of one anchor are told once', () => {
    const text = `routes: [{ match: /a, limits: &x [10/parsec] }, { match: /b, limits: *x }, { match: /c, limits: *x }]\n`
    expect(problemsOf(text + UPSTREAM)).toHaveLength(1)
  })

  it('are told up to a hundred', () => {
    expect(problemsOf(Array.from({ length: 500 }, (_, index) => `k${index}: 1`).join('\n'))).toHaveLength(100)
  })
})

describe('what would take for ever', () => {
  it('aliases of aliases', () => {
    const levels = Array.from(
      { length: 9 },
      (_, n) => `a${n}: &a${n} [${n === 0 ? 'x' : `*a${n - 1}, `.repeat(10)}]`,
    )
    const [first] = problemsOf(levels.join('\n')).filter(({ message }) => message.includes('50000 values'))
    expect(first).toBeDefined()
  })

  it('an alias of itself', () => {
    expect(
      problemsOf('a: &a [*a]')
        .map(({ message }) => message)
        .join(),
    ).toContain('nested more than 16 levels deep')
  })

  it.each([
    ['nested lists', '['.repeat(100_000)],
    // Composed as it stands, this ends the process.
    ['nested lists on one line', '- '.repeat(2 ** 19)],
    ['nested maps', Array.from({ length: 300 }, (_, n) => `${' '.repeat(n)}a:\n`).join('')],
    ['closing brackets', '}'.repeat(2 ** 20)],
    ['many unknown keys', Array.from({ length: 50_000 }, (_, index) => `k${index}: 1`).join('\n')],
    ['one long line', 'a'.repeat(2 ** 20)],
    ['too much', `# ${'a'.repeat(2 ** 20)}`],
  ])('%s', (_name, text) => {
    expect(problemsOf(text).length).toBeGreaterThan(0)
  })
})

describe('files', () => {
  let folder = ''
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'sluice-config-'))
  })
  afterAll(() => rmSync(folder, { recursive: true }))

  const put = (name: string, bytes: string | Buffer) => {
    writeFileSync(join(folder, name), bytes)
    return join(folder, name)
  }

  it('are read', async () => {
    await expect(loadConfig(put('good.yaml', UPSTREAM))).resolves.toMatchObject({
      upstream: 'http://127.0.0.1:9000',
    })
  })

  it.each<[string, () => string, string]>([
    ['missing', () => join(folder, 'none.yaml'), 'the file does not exist'],
    ['directories', () => folder, 'this is a directory'],
    ['too large', () => put('large.yaml', '#'.repeat(2 ** 20 + 1)), 'larger than 1 MiB'],
    ['not UTF-8', () => put('latin.yaml', Buffer.from([0x61, 0xe4])), 'not UTF-8'],
    ['wrong', () => put('wrong.yaml', 'admin: off'), "'upstream' is missing"],
  ])('that are %s are told by name', async (_name, file, message) => {
    const path = file()
    const error = await loadConfig(path).catch((failure: unknown) => failure)
    expect(error).toBeInstanceOf(ConfigError)
    expect((error as ConfigError).message).toContain(`${path}:1:1: `)
    expect((error as ConfigError).message).toContain(message)
  })
})
