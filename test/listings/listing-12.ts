import Router from '@koa/router'
import Koa from 'koa'
import { limit } from 'sluice/koa'

const router = new Router()
router.post('/predict', limit('10/minute'), (context) => {
  context.body = { prediction: 1 }
})
new Koa().use(router.routes())
