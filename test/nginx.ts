import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { onTestFinished } from 'vitest'
import { pathOf } from '../scripts/programs.js'
import { freePorts } from './stack.js'

/** A running nginx. It stops after the test. */
export interface Nginx {
  readonly url: string
  /** The error log. */
  readonly errors: () => string
}

/**
 * Starts nginx as a load balancer with kept connections to its servers. `proxy_next_upstream`,
 * `max_fails` and `fail_timeout` have their defaults: a request that was sent is repeated only if
 * its method is idempotent, and a server that failed gets no request for 10 seconds.
 *
 * @param ports the local ports of the servers
 */
export async function startNginx(ports: readonly number[]): Promise<Nginx> {
  const program = pathOf(['nginx'])
  if (program === undefined) throw new Error('nginx is not installed')
  const folder = await mkdtemp(join(tmpdir(), 'sluice-nginx-'))
  const [port] = await freePorts(1)
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
  await writeFile(
    join(folder, 'nginx.conf'),
    `
daemon off;
${process.getuid?.() === 0 ? 'user root;' : ''}
worker_processes 1;
pid ${folder}/nginx.pid;
error_log stderr warn;
events { worker_connections 1024; }
http {
  access_log off;
  ${temporary.map((name) => `${name}_temp_path ${folder}/${name};`).join('\n  ')}
  upstream gateways {
    ${ports.map((each) => `server 127.0.0.1:${each};`).join('\n    ')}
    keepalive 32;
  }
  server {
    listen 127.0.0.1:${port};
    location / {
      proxy_pass http://gateways;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
    }
  }
}
`,
  )
  const child: ChildProcess = spawn(program, ['-p', folder, '-c', 'nginx.conf', '-e', 'stderr'])
  let errors = ''
  child.stderr?.setEncoding('utf8').on('data', (text) => {
    errors += text
  })
  const ended = once(child, 'close')
  onTestFinished(async () => {
    child.kill('SIGQUIT')
    await ended
    await rm(folder, { recursive: true })
  })
  while (!(await isListening(port as number))) {
    if (child.exitCode !== null) throw new Error(`nginx exited:\n${errors}`)
    await pause(20)
  }
  return { url: `http://127.0.0.1:${port}`, errors: () => errors }
}

async function isListening(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1')
  try {
    await once(socket, 'connect')
    return true
  } catch {
    return false
  } finally {
    socket.destroy()
  }
}
