import { spawnSync } from 'node:child_process'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { freePort } from '../../test/helpers/free-port.ts'
import { nodeProgram, type Process, start, startTalker, tempFolder } from './processes.ts'
import type { Scope } from './scope.ts'
import { untilAnswered } from './worker.ts'

/** A server that takes chunks and writes them into its folder. */
export interface ChunkServer extends Process {
  url: string
  folder: string
}

export async function startChunkServer(
  scope: Scope,
  kind: 'http' | 'multipart' | 'tus',
): Promise<ChunkServer> {
  const folder = await tempFolder(scope)
  const program = nodeProgram('bench/peers/chunk-server.ts', [kind, folder])
  const talker = await startTalker(scope, program)
  return { ...talker, ...(talker.greeting as { url: string }), folder }
}

/** nginx that takes files by PUT; null where there is none, and then `scope.missing` says why. */
export async function startNginx(scope: Scope): Promise<ChunkServer | null> {
  const { error, stderr } = spawnSync('nginx', ['-V'], { encoding: 'utf8' })
  if (error || !stderr.includes('http_dav_module')) {
    scope.missing.set(
      'nginx',
      error ? `nginx cannot be run here: ${error.message}` : 'nginx has no dav module',
    )
    return null
  }
  const home = await tempFolder(scope)
  const folder = join(home, 'files')
  await mkdir(folder)
  const port = await freePort()
  await writeFile(join(home, 'nginx.conf'), nginxConfiguration(home, port))
  const args = ['-p', home, '-c', join(home, 'nginx.conf'), '-e', join(home, 'error.log')]
  const { child: _, ...started } = start(scope, { command: 'nginx', args })
  const url = `http://127.0.0.1:${port}`
  await untilAnswered(`${url}/ready`)
  return { ...started, url, folder }
}

function nginxConfiguration(home: string, port: number): string {
  // Its workers would be another user otherwise, who may not write here.
  const user = process.getuid?.() === 0 ? 'user root;' : ''
  return `
${user}
daemon off;
worker_processes 1;
pid ${home}/nginx.pid;
events {}
http {
  access_log off;
  client_max_body_size 0;
  client_body_temp_path ${home}/temp;
  proxy_temp_path ${home}/proxy;
  fastcgi_temp_path ${home}/fastcgi;
  uwsgi_temp_path ${home}/uwsgi;
  scgi_temp_path ${home}/scgi;
  server {
    listen 127.0.0.1:${port};
    root ${home}/files;
    location = /ready { return 200; }
    location / { dav_methods PUT; }
  }
}
`
}
