import { render } from 'preact'
import type { ReportPage } from '../../src/replay/html/fill-template.js'
import { Report } from './report.js'
import '../../dashboard/src/components/theme.css'
import './report.css'

const place = document.getElementById('page')
const told = document.getElementById('replay')?.textContent ?? 'null'
const page = JSON.parse(told) as ReportPage | null
if (place !== null)
  render(page === null ? <p>This page has no report in it.</p> : <Report {...page} />, place)
