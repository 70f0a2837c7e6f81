import { render } from 'preact'
import type { ReportPage } from '../../src/replay/html/fill-template.js'
import { Report } from './report.js'
import '../../dashboard/src/components/theme.css'
import './report.css'

const root = document.getElementById('page')
const json = document.getElementById('replay')?.textContent ?? 'null'
const page = JSON.parse(json) as ReportPage | null
if (root !== null) render(page === null ? <p>This page contains no report.</p> : <Report {...page} />, root)
