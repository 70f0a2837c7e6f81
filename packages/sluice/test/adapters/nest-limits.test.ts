import 'reflect-metadata'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Controller, type DynamicModule, Get, Module, type Type } from '@nestjs/common'
import { NestFactory } from '@nestjs/core'
import { ExpressAdapter } from '@nestjs/platform-express'
import { describe, expect, it, onTestFinished } from 'vitest'
import {
  Limit,
  LimitModule,
  type NestLimitOptions,
  OverrideLimits,
  Unlimited,
} from '../../src/adapters/nest.js'
import { memoryStore } from '../../src/stores/memory/memory-store.js'

type Routes = Readonly<Record<string, readonly MethodDecorator[]>>

/** Creates a controller with a route for each method. Its decorators are called as functions. */
function controllerOf(routes: Routes, ...decorators: ClassDecorator[]): Type {
  class Models {}
  const prototype = Models.prototype as unknown as Record<string, unknown>
  for (const [name, own] of Object.entries(routes)) {
    // A named method, as in a class.
    Object.assign(prototype, {
      [name]() {
        return name
      },
    })
    const property = Object.getOwnPropertyDescriptor(prototype, name) as PropertyDescriptor
    for (const decorator of [Get(name), ...own]) decorator(prototype, name, property)
  }
  for (const decorator of [Controller(), ...decorators]) decorator(Models)
  return Models
}

async function start(limits: DynamicModule, ...controllers: Type[]) {
  class App {}
  Module({ imports: [limits], controllers })(App)
  const app = await NestFactory.create(App, new ExpressAdapter(), { logger: false, abortOnError: false })
  onTestFinished(() => app.close())
  await app.listen(0, '127.0.0.1')
  const url = `http://127.0.0.1:${((app.getHttpServer() as Server).address() as AddressInfo).port}`
  return {
    async statuses(path: string, count: number) {
      const seen: number[] = []
      for (let each = 0; each < count; each++) seen.push((await fetch(`${url}/${path}`)).status)
      return seen
    },
    policies: async (path: string) => (await fetch(`${url}/${path}`)).headers.get('ratelimit-policy'),
  }
}

const rule = (name: string, limit: string) => ({ name, limit, algorithm: 'fixed-window' as const })
const TWO_RULES = { rules: [rule('short', '2/minute'), rule('long', '4/hour')] }

describe('the rules of LimitModule', () => {
  it('can be skipped by name, on a handler or a controller, and count what they share together', async () => {
    const routes = {
      both: [],
      onlyLong: [Unlimited('short')],
      none: [Unlimited('short', 'long')],
      free: [Unlimited()],
    }
    const app = await start(
      LimitModule.forRoot({ ...TWO_RULES, store: memoryStore() }),
      controllerOf(routes),
      controllerOf({ ofClass: [] }, Unlimited('long')),
    )
    expect(await app.policies('onlyLong')).toBe('"long";q=4;w=3600')
    expect(await app.policies('ofClass')).toBe('"short";q=2;w=60')
    expect(await app.statuses('none', 9)).toEqual(new Array(9).fill(200))
    expect(await app.statuses('free', 9)).toEqual(new Array(9).fill(200))
    // One request each was counted above.
    expect(await app.statuses('both', 2)).toEqual([200, 429])
    expect(await app.statuses('onlyLong', 3)).toEqual([200, 200, 429])
  })

  it('can be overridden by name, and the handler takes precedence over its class', async () => {
    const app = await start(
      LimitModule.forRoot({ rules: [...TWO_RULES.rules, { name: 'slots', concurrent: 9 }] }),
      controllerOf(
        {
          wide: [OverrideLimits({ short: '7/minute', slots: 3 })],
          inherited: [],
          shadow: [OverrideLimits({ short: { enforce: false } })],
        },
        OverrideLimits({ short: '5/minute', long: '90/hour' }),
      ),
    )
    expect(await app.policies('wide')).toMatch(/"short";q=7;.*"long";q=90;.*"slots";q=3/)
    expect(await app.policies('inherited')).toMatch(/"short";q=5;.*"long";q=90;/)
    expect(await app.statuses('shadow', 4)).toEqual([200, 200, 200, 200])
    // The handlers are counted together: the first requests of both were counted.
    expect(await app.statuses('inherited', 4)).toEqual([200, 200, 200, 429])
  })

  it('are counted for each handler if requested, in the same way in every process', async () => {
    const store = memoryStore()
    const options: NestLimitOptions = { ...TWO_RULES, store, name: 'api', perHandler: true }
    const routes = { first: [], second: [Unlimited('long')] }
    const one = await start(LimitModule.forRoot(options), controllerOf(routes))
    const other = await start(LimitModule.forRoot(options), controllerOf(routes))
    expect(await one.statuses('first', 1)).toEqual([200])
    expect(await other.statuses('first', 2)).toEqual([200, 429])
    expect(await one.statuses('second', 3)).toEqual([200, 200, 429])
  })

  it('are counted for each handler of a limited controller if requested', async () => {
    const app = await start(
      LimitModule.forRoot(),
      controllerOf({ first: [], second: [] }, Limit({ rules: [rule('a', '1/minute')], perHandler: true })),
    )
    expect(await app.statuses('first', 2)).toEqual([200, 429])
    expect(await app.statuses('second', 2)).toEqual([200, 429])
  })

  it('do not apply to a handler with its own limit, whose class may skip rules of the module', async () => {
    const app = await start(
      LimitModule.forRoot(TWO_RULES),
      controllerOf({ own: [Limit('1/minute')] }, Unlimited('short')),
    )
    expect(await app.statuses('own', 2)).toEqual([200, 429])
  })

  it.each<[string, MethodDecorator, string]>([
    [
      'skips an unknown rule',
      Unlimited('shrot'),
      "@Unlimited('shrot') names no rule of the limit; its named rules are short, long",
    ],
    ['overrides an unknown rule', OverrideLimits({ shrot: '1/s' }), "there is no rule 'shrot' to override"],
    ['overrides a rule with an invalid limit', OverrideLimits({ short: '1/never' }), "unknown unit 'never'"],
  ])('keep the application from starting if a handler %s', async (_what, decorator, message) => {
    const starting = start(LimitModule.forRoot(TWO_RULES), controllerOf({ wrong: [decorator] }))
    await expect(starting).rejects.toThrow(message)
  })
})

describe('LimitModule.forRootAsync', () => {
  class Config {
    readonly limit = '2/minute'
  }
  class ConfigModule {}
  Module({ providers: [Config], exports: [Config] })(ConfigModule)

  it('limits by the options that a factory creates from injected providers', async () => {
    const limits = LimitModule.forRootAsync({
      imports: [ConfigModule],
      inject: [Config],
      useFactory: async ({ limit }: Config) => ({ rules: [rule('a', limit)] }),
    })
    const app = await start(limits, controllerOf({ all: [], skips: [Unlimited('a')] }))
    expect(await app.statuses('all', 3)).toEqual([200, 200, 429])
    expect(await app.statuses('skips', 3)).toEqual([200, 200, 200])
  })

  it('limits only handlers with a limit if the factory returns nothing', async () => {
    const app = await start(
      LimitModule.forRootAsync({ useFactory: () => undefined }),
      controllerOf({ all: [], own: [Limit('1/minute')] }),
    )
    expect(await app.statuses('all', 3)).toEqual([200, 200, 200])
    expect(await app.statuses('own', 2)).toEqual([200, 429])
  })

  it('keeps the application from starting if the factory returns an invalid option', async () => {
    const limits = LimitModule.forRootAsync({ useFactory: () => '1/never' })
    await expect(start(limits, controllerOf({ all: [] }))).rejects.toThrow("unknown unit 'never'")
    expect(() => LimitModule.forRootAsync({} as never)).toThrow("'useFactory' must be a function")
  })

  it('rejects options that do not apply in NestJS', () => {
    expect(() => LimitModule.forRoot({ ...TWO_RULES, throw: false })).toThrow(
      "'throw' cannot be false in NestJS",
    )
    expect(() => LimitModule.forRoot({ ...TWO_RULES, perHandler: 'yes' as never })).toThrow(
      "'perHandler' must be true or false",
    )
  })
})
