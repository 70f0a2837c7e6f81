import { Controller, Get, Module, Post } from '@nestjs/common'
import { Limit, LimitModule, Unlimited } from 'sluice/nest'

@Controller()
class Predictions {
  @Post('predict')
  @Limit('10/minute')
  predict() {
    return { prediction: 1 }
  }

  @Get('model-info')
  @Unlimited()
  info() {
    return { name: 'iris' }
  }
}

@Module({ imports: [LimitModule.forRoot('60/minute')], controllers: [Predictions] })
export class App {}
