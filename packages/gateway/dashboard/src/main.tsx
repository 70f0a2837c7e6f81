import { render } from 'preact'
import { App } from './app.js'
import './components/theme.css'
import './page.css'

const place = document.getElementById('page')
if (place !== null) render(<App />, place)
