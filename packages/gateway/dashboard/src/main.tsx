import { render } from 'preact'
import { App } from './app.js'
import './components/theme.css'
import './page.css'

const root = document.getElementById('page')
if (root !== null) render(<App />, root)
